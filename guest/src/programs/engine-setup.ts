#!/usr/bin/qjs -m
import { Console } from '../console.ts';
import { setUpEngine } from '../engine/set-up.ts';
import { quickJsSystem } from '../system/quickjs-system.ts';

// The step of onboot that makes a machine an engine (pkg/engine-setup).
const system = quickJsSystem();
system.processes.exit(setUpEngine(system, new Console(system)));
