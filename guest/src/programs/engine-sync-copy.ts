#!/usr/bin/qjs -m
import { CopyServer } from '../sync/serve-copy.ts';

// engine-sync-copy FOLDER, started by pkg/docker/engine-sync for one connection of the host.
new CopyServer(scriptArgs[1] ?? '/').run();
