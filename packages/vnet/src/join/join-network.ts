import {
  createStack,
  type DatagramNetwork,
  type Stack,
  StackDriver,
  type StreamNetwork,
  stackDatagrams,
  stackStreams,
} from '@orlop/netstack';
import { nodeScheduler } from '../node-scheduler.ts';
import { hostOptions, type JoinOptions, plugCable } from './cable.ts';

export interface JoinedNetwork extends StreamNetwork {
  readonly datagrams: DatagramNetwork;
  readonly stack: Stack;
  close(): void;
}

/**
 * Makes this program a host of a virtual network: TCP and UDP with an address of its own, no VM and no privileges.
 *
 * @throws OrlopError `vnet.link-failed`, `vnet.config-invalid`
 */
export async function joinNetwork(options: JoinOptions): Promise<JoinedNetwork> {
  const stack = createStack(hostOptions(options));
  const link = await plugCable(options);
  const driver = new StackDriver({ machine: stack, link, scheduler: nodeScheduler });
  driver.start();
  return {
    ...stackStreams(stack.tcp),
    datagrams: stackDatagrams(stack.udp),
    stack,
    close: () => driver.close(),
  };
}
