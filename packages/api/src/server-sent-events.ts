/** The data of each event of a stream as HTML §9.2.6 reads it; comments and other fields are passed over. */
export async function* readServerSentEvents(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  let data: string[] = [];
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield data.join('\n');
        data = [];
      } else if (line.startsWith('data:')) {
        data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
      }
    }
  }
}

/** One event; `data` without a line break, as JSON has none. */
export function formatServerSentEvent(data: string): string {
  return `data: ${data}\n\n`;
}
