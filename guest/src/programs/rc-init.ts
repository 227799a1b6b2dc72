#!/usr/bin/qjs -m
import { boot } from '../boot/boot.ts';
import { startSupervisor } from '../services/start-supervisor.ts';
import { quickJsSystem } from '../system/quickjs-system.ts';

// /bin/rc.init: busybox's init runs it first (`::sysinit:`); in a container it is the first process itself.
const system = quickJsSystem();
if (boot(system) === 'container') {
  system.processes.adoptOrphans();
  startSupervisor(system);
}
