#!/usr/bin/qjs -m
import { prepareHookProcess } from '../container/prepare-hook.ts';
import { playRole, roleOf } from '../service-roles.ts';
import { runServiceCommand } from '../services/service-command.ts';
import { startSupervisor } from '../services/start-supervisor.ts';
import { std } from '../system/quickjs.ts';
import { quickJsSystem } from '../system/quickjs-system.ts';

// /usr/bin/service: the command for people, and under other names a step of the boot (service-roles.ts).
const system = quickJsSystem();
const words = scriptArgs.slice(1);
const role = roleOf(scriptArgs[0] ?? '') ?? (words[0] === 'system-init' ? 'containerd' : undefined);

if (role !== undefined) playRole(system, role);
else if (words[0] === 'supervise') startSupervisor(system);
else if (words[0] === 'prepare-process') {
  system.processes.exit(prepareHookProcess(system, { kind: words[1] ?? '', name: words[2] ?? '' }));
} else {
  const { status, output, error } = runServiceCommand(system, words);
  std.out.puts(output);
  std.err.puts(error);
  std.out.flush();
  system.processes.exit(status);
}
