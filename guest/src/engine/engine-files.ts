import type { System } from '../system/system.ts';
import type { EngineConfiguration } from './configuration.ts';
import { enginePaths, execPort, listeningPort, portsPort, relayPort, syncPort } from './engine-paths.ts';
import { firewallRules, firewallRules6 } from './firewall.ts';

/** Writes what the service `docker` starts with. Keys are root's alone; nothing of it is on a disk. */
export function writeEngineFiles(
  system: System,
  { configuration, gateway }: { readonly configuration: EngineConfiguration; readonly gateway: string },
): void {
  const { files } = system;
  const secret = { mode: 0o600 };
  files.makeFolder(enginePaths.folder, 0o700);
  if (configuration.tls !== undefined) {
    files.write(enginePaths.ca, configuration.tls.ca, secret);
    files.write(enginePaths.certificate, configuration.tls.certificate, secret);
    files.write(enginePaths.key, configuration.tls.key, secret);
  }
  const { agent } = configuration;
  if (agent !== undefined) {
    files.write(enginePaths.agent, `${listeningPort(agent.port)}\n${agent.token}\n${gateway}\n`, secret);
  }
  files.write(enginePaths.daemon, `${JSON.stringify(daemonSettings(configuration), undefined, 2)}\n`, secret);
  const environment = Object.entries(configuration.environment).filter(([name]) =>
    /^[A-Za-z_]\w*$/.test(name),
  );
  files.write(
    enginePaths.environment,
    environment.map(([name, value]) => `export ${name}=${quoteForShell(value)}\n`).join(''),
    secret,
  );
  files.makeFolder(enginePaths.certificates);
  for (const [index, pem] of configuration.certificates.entries()) {
    files.write(`${enginePaths.certificates}/orlop-${index}.pem`, `${pem.trim()}\n`);
  }
  for (const [registry, pem] of Object.entries(configuration.registryCertificates)) {
    if (!/^[\w.:[\]-]+$/.test(registry) || registry.startsWith('.')) continue;
    files.makeFolder(`${enginePaths.registryCertificates}/${registry}`);
    files.write(`${enginePaths.registryCertificates}/${registry}/ca.crt`, `${pem.trim()}\n`);
  }
  files.write(
    enginePaths.shares,
    configuration.shares
      .map(({ tag, path, readOnly }) => `${tag}\t${readOnly ? 'ro' : 'rw'}\t${path}\n`)
      .join(''),
  );
  const ports = [
    configuration.port,
    portsPort,
    relayPort,
    ...(agent === undefined ? [] : [agent.port, syncPort, execPort]),
  ];
  const clients = configuration.clients.length > 0 ? configuration.clients : [gateway];
  files.write(enginePaths.firewall, firewallRules({ ports, clients }));
  files.write(enginePaths.firewall6, firewallRules6(ports));
}

/** dockerd's own file: what the host asked for, and over it what makes it this machine's. */
export function daemonSettings({
  daemon,
  tls,
  port,
}: EngineConfiguration): Readonly<Record<string, unknown>> {
  return {
    'log-driver': 'json-file',
    'log-opts': { 'max-size': '20m', 'max-file': '3' },
    'shutdown-timeout': 20,
    // dockerd's own name for it is /docker, where its own processes are, as the service of that name: a group with processes
    // in it cannot share anything out (cgroups(7), «no internal processes»).
    'cgroup-parent': '/containers',
    ...daemon,
    'data-root': '/var/lib/docker',
    hosts: [
      'unix:///run/docker.sock',
      ...(tls === undefined ? [] : [`tcp://0.0.0.0:${listeningPort(port)}`]),
    ],
    ...(tls === undefined
      ? {}
      : {
          tlsverify: true,
          tlscacert: enginePaths.ca,
          tlscert: enginePaths.certificate,
          tlskey: enginePaths.key,
        }),
  };
}

function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
