#!/usr/bin/qjs -m
import { type ShutdownAction, shutDown } from '../shutdown/shut-down.ts';
import { quickJsSystem } from '../system/quickjs-system.ts';

// /bin/rc.shutdown ACTION
const actions: readonly ShutdownAction[] = ['poweroff', 'reboot', 'halt', 'noop'];
const system = quickJsSystem();
shutDown(system, actions.find((action) => action === scriptArgs[1]) ?? 'poweroff');
