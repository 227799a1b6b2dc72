/** What one of Docker's events says of published ports, and of what they are reached by. */
export type ContainerEvent =
  /** Its ports are not open yet, and what it asks for is known from now on. */
  | { readonly kind: 'created'; readonly id: string }
  | { readonly kind: 'destroyed'; readonly id: string }
  /** A container's address has changed, if it runs. */
  | { readonly kind: 'moved'; readonly id: string }
  /** Or a swarm's services, whose ports are those of its network. */
  | { readonly kind: 'networks' }
  /** Something else that may change a port, or what could not be read: rather look once too often. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'other' };

/** A line of `GET /events` (API 1.45), of the types container, network and service. */
export function readContainerEvent(line: string): ContainerEvent {
  const event = parse(line);
  if (event === undefined) return { kind: 'changed' };
  const id = event.Actor?.ID ?? '';
  const key =
    event.Type === undefined || event.Type === 'container' ? event.Action : `${event.Type} ${event.Action}`;
  switch (key) {
    case 'create':
      return { kind: 'created', id };
    case 'destroy':
      return { kind: 'destroyed', id };
    case 'network connect':
    case 'network disconnect':
      return { kind: 'moved', id: event.Actor?.Attributes?.container ?? '' };
    case 'network create':
    case 'network destroy':
    case 'service create':
    case 'service update':
    case 'service remove':
      return { kind: 'networks' };
    case 'start':
    case 'die':
    case 'rename':
      return { kind: 'changed' };
    default:
      return { kind: 'other' };
  }
}

interface DockerEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: { readonly container?: string } };
}

function parse(line: string): DockerEvent | undefined {
  try {
    return JSON.parse(line) as DockerEvent;
  } catch {
    return undefined;
  }
}
