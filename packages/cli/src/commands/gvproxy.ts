import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { each } from './each.ts';

export interface GvproxyOptions {
  readonly debug?: boolean;
  readonly mtu?: string;
  readonly config?: string;
  readonly services?: string;
  readonly notification?: string;
  readonly pcap?: string;
  readonly ec2MetadataAccess?: boolean;
  readonly sshPort: string;
  readonly listen?: readonly string[];
  readonly listenQemu?: string;
  readonly listenBess?: string;
  readonly listenVfkit?: string;
  readonly listenVpnkit?: string;
  readonly listenStdio?: string;
  readonly forwardSock?: readonly string[];
  readonly forwardDest?: readonly string[];
  readonly forwardUser?: readonly string[];
  readonly forwardIdentity?: readonly string[];
  readonly pidFile?: string;
  readonly logFile?: string;
  readonly version?: boolean;
}

/** The network as gvproxy, for who starts that program: podman machine. */
export function registerGvproxy(program: Command, context: CommandContext): void {
  program
    .command('gvproxy')
    .description("a network with gvproxy's command line, addresses and API")
    .option('--debug', 'log more')
    .option('--config <file>', "a file of gvproxy's in YAML; options go first")
    .option('--mtu <bytes>', 'largest IP packet (default: 1500)')
    .option(
      '--ssh-port <port>',
      "of the host's loopback that leads to port 22 of the guest; -1: none",
      '2222',
    )
    .option(
      '--listen <endpoint>',
      "answer gvproxy's HTTP API there: unix://PATH or tcp://ADDRESS:PORT; may be given again",
      each,
    )
    .option('--services <endpoint>', 'the same without /connect')
    .option('--notification <endpoint>', 'unix://PATH that is told in JSON when guests come and go')
    .option('--ec2-metadata-access', 'let guests reach 169.254.169.254')
    .option('--pcap <file>', 'record every frame there, as pcapng')
    .option('--listen-qemu <endpoint>', "unix://PATH or tcp://ADDRESS:PORT of QEMU's -netdev stream")
    .option('--listen-bess <endpoint>', 'unixpacket://PATH')
    .option('--listen-vfkit <endpoint>', 'unixgram://PATH')
    .option('--listen-vpnkit <endpoint>', "unix://PATH of VPNKit's clients")
    .option('--listen-stdio <any>', 'a guest on standard input and output')
    .option(
      '--forward-sock <path>',
      'a unix socket that leads into the guest over SSH; may be given again',
      each,
    )
    .option('--forward-dest <path>', "the guest's socket of each", each)
    .option('--forward-user <name>', 'the user of each', each)
    .option('--forward-identity <file>', 'the private key of each', each)
    .option('--pid-file <file>', 'write the number of the process there')
    .option('--log-file <file>', 'log there, not to standard error')
    .option('--version', 'say which version this is')
    .addHelpText('after', HELP)
    .action(async (options: GvproxyOptions) => {
      const { runGvproxy } = await import('./gvproxy-run.ts');
      await runGvproxy(context, options);
    });
}

const HELP = `
A link to this program that is called "gvproxy" takes gvproxy's own command line (-listen-qemu unix:///…), so it can
stand in podman's helper_binaries_dir.`;
