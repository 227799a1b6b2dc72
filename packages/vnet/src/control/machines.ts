import type { IpAddress } from '@orlop/netstack';
import { formatMac, type MacAddress, parseMac } from '@orlop/wire';
import { cleanHostName } from '../dhcp/host-name.ts';
import { vnetError } from '../errors.ts';
import type { ForwardSpec } from '../forward/forward.ts';
import { forwardText } from '../forward/forward-text.ts';
import type { VirtualNetwork } from '../virtual-network.ts';
import type { Cables } from './cables.ts';
import type { SavedMachine } from './state-file.ts';

/** A machine that is about to plug in: its name, and what of it is published. */
export interface MachineRegistration {
  readonly name: string;
  /** `aa:bb:cc:dd:ee:ff` */
  readonly mac: string;
  readonly forwards: readonly ForwardSpec[];
  /** The unix socket on which it listens for its network. @default it plugs in itself */
  readonly cable?: string | undefined;
  /** What it is told at 169.254.169.254, in base64. @default no metadata service for it */
  readonly userData?: string | undefined;
}

export interface RegisteredMachine {
  readonly name: string;
  readonly mac: string;
  readonly address: string;
}

interface Entry {
  readonly mac: MacAddress;
  readonly address: IpAddress;
  /** Ids of those that are in force. */
  readonly forwards: readonly string[];
  /** As registered, with the host's ports, for the next process. */
  readonly texts: readonly string[];
  readonly cable: string | undefined;
  readonly userData: string | undefined;
}

/** Machines that have a fixed address on the network, and forwards that go when their cable is pulled. */
export class Machines {
  /** Called after every change, for whoever keeps them on disk. */
  onChange: (() => void) | undefined = undefined;
  readonly #network: VirtualNetwork;
  readonly #entries = new Map<string, Entry>();
  readonly #cables: Cables | undefined;

  /** Without `cables`, machines plug in themselves. */
  constructor(network: VirtualNetwork, cables?: Cables) {
    this.#network = network;
    this.#cables = cables;
    network.onGuestLeft = (macs) => {
      for (const [name, entry] of this.#entries) if (macs.has(entry.mac)) this.remove(name);
    };
  }

  /**
   * Takes the place of an earlier registration of that name.
   *
   * @throws OrlopError `vnet.lease-conflict`, `vnet.forward-exists`, `vnet.bind-failed`
   */
  async add(registration: MachineRegistration): Promise<RegisteredMachine> {
    const { name, mac: macText } = registration;
    const mac = parseMac(macText);
    if (mac === undefined) throw vnetError('vnet.address-invalid', `"${macText}" is no Ethernet address`);
    this.remove(name);
    const { leases, forwards } = this.#network;
    const address = leases.findByMac(mac)?.address ?? leases.offer(mac, undefined);
    if (address === undefined) {
      throw vnetError(
        'vnet.lease-conflict',
        `no address of ${this.#network.settings.subnet} is left for "${name}"`,
      );
    }
    leases.addStatic({ mac, address, hostName: cleanHostName(name) });
    const started: string[] = [];
    const texts: string[] = [];
    try {
      for (const spec of registration.forwards) {
        const own: ForwardSpec =
          spec.kind === 'to-guest' ? { ...spec, guest: { kind: 'address', address } } : spec;
        const { id, spec: bound } = await forwards.add(own);
        started.push(id);
        // A port that the host chose is the machine's in the next process too: somebody was told of it.
        const registered =
          spec.kind === 'to-guest' && bound.kind === 'to-guest' ? { ...bound, guest: spec.guest } : bound;
        texts.push(forwardText(registered));
      }
    } catch (error) {
      for (const id of started) forwards.discard(id);
      throw error;
    }
    // Another registration of that name may have come to its end meanwhile.
    this.remove(name);
    const { cable, userData } = registration;
    if (userData !== undefined) {
      this.#network.metadata.set(address, {
        name,
        instanceId: `i-${formatMac(mac).replaceAll(':', '')}`,
        address: address.toString(),
        network: this.#network.settings.name,
        userData: Buffer.from(userData, 'base64'),
      });
    }
    this.#entries.set(name, { mac, address, forwards: started, texts, cable, userData });
    if (cable !== undefined) this.#cables?.plug(name, cable);
    this.onChange?.();
    return { name, mac: formatMac(mac), address: address.toString() };
  }

  /** Its forwards and its metadata end; its address stays its own. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#cables?.unplug(name);
    this.#network.metadata.delete(entry.address);
    for (const id of entry.forwards) this.#network.forwards.discard(id);
    this.onChange?.();
  }

  /** Forwards that are machines' own. */
  forwardIds(): ReadonlySet<string> {
    return new Set([...this.#entries.values()].flatMap(({ forwards }) => forwards));
  }

  saved(): readonly SavedMachine[] {
    return [...this.#entries].map(([name, { mac, texts, cable, userData }]) => ({
      name,
      mac: formatMac(mac),
      forwards: texts,
      ...(cable !== undefined && { cable }),
      ...(userData !== undefined && { userData }),
    }));
  }

  get size(): number {
    return this.#entries.size;
  }

  *list(): IterableIterator<RegisteredMachine> {
    for (const [name, { mac, address }] of this.#entries) {
      yield { name, mac: formatMac(mac), address: address.toString() };
    }
  }
}
