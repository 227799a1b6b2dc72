import { createHost, type DatagramNetwork, Machine, StackDriver, stackDatagrams, Udp } from '@orlop/netstack';
import { nodeScheduler } from '../node-scheduler.ts';
import { hostOptions, type JoinOptions, plugCable } from './cable.ts';

export interface JoinedDatagrams extends DatagramNetwork {
  close(): void;
}

/**
 * The same as `joinNetwork` for a program that speaks UDP only: no TCP is composed, and a bundler leaves it out.
 *
 * @throws OrlopError `vnet.link-failed`, `vnet.config-invalid`
 */
export async function joinDatagrams(options: JoinOptions): Promise<JoinedDatagrams> {
  const own = hostOptions(options);
  const host = createHost(own);
  const { ip, icmp: errors, wake } = host;
  const udp = new Udp({ ip, errors, random: own.random, checksumOffload: false });
  const machine = new Machine({ ...host, senders: [] }, wake);
  const driver = new StackDriver({ machine, link: await plugCable(options), scheduler: nodeScheduler });
  driver.start();
  return { ...stackDatagrams(udp), close: () => driver.close() };
}
