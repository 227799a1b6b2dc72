/**
 * Node's for the process of a network. Connections come and go, and little outlives them: a small nursery is 20 MiB less
 * memory for 2 % of speed. One thread beside the main one compiles and collects as well as four, each of which has a heap
 * of its own. The collector is at hand for when the network's work has ended (vnet's `giveBackWhenIdle`).
 */
export const NET_NODE_OPTIONS = ['--max-semi-space-size=1', '--v8-pool-size=1', '--expose-gc'] as const;
