import type { CompletedCommand, CompletedOption } from './completion-model.ts';

type WriteScript = (program: string, commands: readonly CompletedCommand[]) => string;

/** Scripts by shell. They hold all words, and start no program while completing. */
export const completionScripts: Readonly<Record<'bash' | 'zsh' | 'fish', WriteScript>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function bashScript(program: string, commands: readonly CompletedCommand[]): string {
  const name = `_${program.replace(/\W/g, '_')}`;
  const inner = commands.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  const cases = commands.map(({ path, subcommands, options, words }) => {
    const valued = options.filter(({ value }) => value.kind !== 'none');
    const values = valued.map((option) => `        ${flags(option).join('|')}) ${bashValue(option)} ;;\n`);
    const all = [...subcommands.map((one) => one.name), ...words];
    return [
      `    ${quote(path)})\n`,
      ...(values.length === 0 ? [] : ['      case "$previous" in\n', ...values, '      esac\n']),
      `      flags=${quote(options.flatMap(flags).join(' '))}\n`,
      `      words=${quote(all.join(' '))}\n`,
      '      ;;\n',
    ].join('');
  });
  return `# Completion of ${program} for bash.
${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path='' flags='' words='' next i
  COMPREPLY=()
  # "--flag=value" is three words here.
  if [[ $current == '=' ]]; then current=''
  elif [[ $previous == '=' ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in
      ${inner.join('|')}) path=$next ;;
    esac
  done
  case "$path" in
${cases.join('')}  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F ${name} ${program}
`;
}

function bashValue({ value }: CompletedOption): string {
  if (value.kind === 'words')
    return `COMPREPLY=($(compgen -W ${quote(value.words.join(' '))} -- "$current")); return`;
  const kind = value.kind === 'folder' ? '-d' : '-f';
  return `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen ${kind} -- "$current")); return`;
}

function zshScript(program: string, commands: readonly CompletedCommand[]): string {
  const name = `_${program.replace(/\W/g, '_')}`;
  const inner = commands.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  const cases = commands.map(({ path, subcommands, options, words }) => {
    const values = options
      .filter(({ value }) => value.kind !== 'none')
      .map((option) => `        ${flags(option).join('|')}) ${zshValue(option)}; return ;;\n`);
    const offered = options.flatMap((option) =>
      flags(option).map((flag) => ({ name: flag, summary: option.summary })),
    );
    const all = [...subcommands, ...words.map((word) => ({ name: word, summary: '' }))];
    return [
      `    ${quote(path)})\n`,
      ...(values.length === 0 ? [] : ['      case $previous in\n', ...values, '      esac\n']),
      `      flags=(${offered.map(zshItem).join(' ')})\n`,
      `      words_=(${all.map(zshItem).join(' ')})\n`,
      '      ;;\n',
    ].join('');
  });
  return `#compdef ${program}
# Completion of ${program} for zsh.
${name}() {
  local path_='' next previous=$words[CURRENT-1] current=$words[CURRENT] i
  local -a flags words_
  if [[ $current == --*=* ]]; then
    previous=\${current%%=*} current=\${current#*=}
    compset -P '*='
  fi
  for ((i = 2; i < CURRENT; i++)); do
    next="\${path_:+$path_ }$words[i]"
    case $next in
      ${inner.join('|')}) path_=$next ;;
    esac
  done
  case $path_ in
${cases.join('')}  esac
  if [[ $current == -* ]]; then
    _describe option flags
  elif (( $#words_ )); then
    _describe command words_
  else
    _files
  fi
}
if [[ $funcstack[1] == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`;
}

function zshValue({ value }: CompletedOption): string {
  if (value.kind === 'words') return `compadd -- ${value.words.map(quote).join(' ')}`;
  return value.kind === 'folder' ? '_files -/' : '_files';
}

/** A colon parts the word from its summary. */
function zshItem({ name, summary }: { readonly name: string; readonly summary: string }): string {
  return quote(`${name.replaceAll(':', '\\:')}${summary === '' ? '' : `:${summary}`}`);
}

function fishScript(program: string, commands: readonly CompletedCommand[]): string {
  const at = `__${program.replace(/\W/g, '_')}_at`;
  const inner = commands.filter(({ path }) => path !== '').map(({ path }) => quote(path));
  const lines = commands.flatMap(({ path, subcommands, options, words }) => {
    const begin = `complete -c ${program} -n ${quote(`${at} ${quote(path)}`)}`;
    const all = [...subcommands, ...words.map((word) => ({ name: word, summary: '' }))];
    return [
      ...all.map((one) => `${begin} -f -a ${quote(one.name)}${fishSummary(one.summary)}`),
      ...options.map((option) => `${begin}${fishFlags(option)}${fishSummary(option.summary)}`),
    ];
  });
  return `# Completion of ${program} for fish.
function ${at}
  set -l path ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$path $word")
    switch $next
      case ${inner.join(' ')}
        set path $next
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function fishFlags({ long, short, value }: CompletedOption): string {
  const names = `${long === undefined ? '' : ` -l ${long.slice(2)}`}${short === undefined ? '' : ` -s ${short.slice(1)}`}`;
  if (value.kind === 'none') return names;
  if (value.kind === 'words') return `${names} -x -a ${quote(value.words.join(' '))}`;
  return value.kind === 'folder' ? `${names} -x -a '(__fish_complete_directories)'` : `${names} -r -F`;
}

function fishSummary(summary: string): string {
  return summary === '' ? '' : ` -d ${quote(summary)}`;
}

function flags({ long, short }: CompletedOption): readonly string[] {
  return [long, short].filter((flag) => flag !== undefined);
}

/** In single quotes, as all three shells read them. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
