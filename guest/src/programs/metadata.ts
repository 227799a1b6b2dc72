#!/usr/bin/qjs -m
import { writeMetadata } from '../metadata/metadata.ts';
import { std } from '../system/quickjs.ts';
import { quickJsSystem } from '../system/quickjs-system.ts';

// /usr/bin/metadata [PROVIDER…]
const system = quickJsSystem();
system.processes.exit(writeMetadata(system, scriptArgs.slice(1), (line) => std.out.puts(`${line}\n`)));
