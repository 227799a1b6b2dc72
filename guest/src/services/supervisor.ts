import { findImpossible, stopOrder } from './dependencies.ts';
import type { Dependency } from './options.ts';
import { type Outlook, outlookOf } from './outlook.ts';
import { isAlive, type ServiceState } from './service-state.ts';
import type { ServiceDefinition, SupervisorAction, SupervisorEvent } from './supervisor-messages.ts';

type Emit = (action: SupervisorAction) => void;

/** From TERM to KILL; Docker's figure. */
const stopGraceMs = 10_000;
/** A service that ran for so long was well, and its next restart begins with the first delay again; Docker's figure. */
const steadyAfterMs = 10_000;

interface Service {
  readonly definition: ServiceDefinition;
  state: ServiceState;
  /** Restarts in a row without a steady run between them. */
  retries: number;
  /** Restarts ever. */
  restarts: number;
  nextCheckMs: number;
}

/** One row of the table that {@link Supervisor.snapshot} gives. */
export interface ServiceSnapshot {
  readonly name: string;
  readonly state: ServiceState;
  readonly restarts: number;
}

/**
 * Decides when services start, restart and stop. It neither runs processes nor owns a clock: events come in by
 * {@link Supervisor.receive}, wishes go out through `emit`, and {@link Supervisor.pollAt} says when to call
 * {@link Supervisor.poll} next. A service with dependencies starts once each has reached its condition.
 *
 * Invariant: between a `start` action and the `ended` event of that service no second `start` is emitted for it.
 */
export class Supervisor {
  readonly #services: ReadonlyMap<string, Service>;
  #phase: 'open' | 'no-new-starts' | 'stopping-all' | 'all-stopped' = 'open';

  /** @param boot `start-none` after a boot that an onboot container has stopped: services start on request only */
  constructor(definitions: readonly ServiceDefinition[], boot: 'start-all' | 'start-none' = 'start-all') {
    const impossible = findImpossible(definitions.map(({ name, options }) => ({ name, ...options })));
    this.#services = new Map(
      definitions.map((definition) => {
        const reason =
          impossible.get(definition.name) ?? (boot === 'start-none' ? 'the boot was stopped' : undefined);
        const state: ServiceState =
          reason === undefined ? { kind: 'waiting', waitsFor: 'its turn' } : { kind: 'blocked', reason };
        return [
          definition.name,
          { definition, state, retries: 0, restarts: 0, nextCheckMs: Number.POSITIVE_INFINITY },
        ];
      }),
    );
  }

  snapshot(): readonly ServiceSnapshot[] {
    return [...this.#services].map(([name, { state, restarts }]) => ({ name, state, restarts }));
  }

  /** Takes in one event. Events of services that do not exist, or that come too late to matter, change nothing. */
  receive(event: SupervisorEvent, now: number, emit: Emit): void {
    if (event.kind === 'stop-all') {
      this.#stopAll(now, emit);
      return;
    }
    const service = this.#services.get(event.name);
    if (service === undefined) return;
    switch (event.kind) {
      case 'started':
        this.#started(service, event.pid, now, emit);
        break;
      case 'ended':
        this.#ended(service, event.exitStatus, now, emit);
        break;
      case 'checked':
        this.#checked(service, event.healthy, now, emit);
        break;
      case 'start':
        this.#requestStart(service);
        break;
      case 'stop':
        this.#stop(service, 'stay', now, emit);
        break;
      case 'restart':
        if (isAlive(service.state)) this.#stop(service, 'start', now, emit);
        else this.#requestStart(service);
        break;
    }
    this.poll(now, emit);
  }

  /** Does what time and the other services' states allow by now. */
  poll(now: number, emit: Emit): void {
    for (const service of this.#services.values()) this.#pollTimes(service, now, emit);
    // A service that is started may be what the next one waits for, and a blocked one blocks the next.
    for (let changed = true; changed; ) {
      changed = false;
      for (const service of this.#services.values())
        changed = this.#pollWaiting(service, now, emit) || changed;
    }
    if (this.#phase === 'stopping-all') this.#pollStopAll(now, emit);
  }

  /** When the next call of {@link Supervisor.poll} is due; Infinity if only an event can change anything. */
  pollAt(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { state, nextCheckMs } of this.#services.values()) {
      if (state.kind === 'backoff') earliest = Math.min(earliest, state.untilMs);
      if (state.kind === 'stopping') earliest = Math.min(earliest, state.killAtMs);
      if (state.kind === 'running') earliest = Math.min(earliest, nextCheckMs);
    }
    return earliest;
  }

  #pollTimes(service: Service, now: number, emit: Emit): void {
    const { state, definition } = service;
    if (state.kind === 'backoff' && now >= state.untilMs) {
      service.restarts += 1;
      service.state = { kind: 'waiting', waitsFor: 'its turn' };
    } else if (state.kind === 'stopping' && now >= state.killAtMs) {
      // Asked for again after the same while, should the first KILL have come to nothing.
      service.state = { ...state, killAtMs: now + stopGraceMs };
      emit({ kind: 'signal', name: definition.name, pid: state.pid, signal: 'KILL' });
    } else if (state.kind === 'running' && now >= service.nextCheckMs) {
      service.nextCheckMs = Number.POSITIVE_INFINITY;
      emit({ kind: 'check', name: definition.name });
    }
  }

  /** @returns true if the service's state changed */
  #pollWaiting(service: Service, now: number, emit: Emit): boolean {
    const { state, definition } = service;
    if (state.kind !== 'waiting' || this.#phase === 'stopping-all' || this.#phase === 'all-stopped')
      return false;
    if (this.#phase === 'no-new-starts') {
      service.state = { kind: 'blocked', reason: 'the boot was stopped' };
      return true;
    }
    for (const dependency of definition.options.dependsOn) {
      const outlook = this.#outlook(dependency);
      if (outlook.kind === 'reached') continue;
      if (outlook.kind === 'open') {
        const waitsFor = `${dependency.name} to be ${dependency.condition}`;
        if (state.waitsFor === waitsFor) return false;
        service.state = { kind: 'waiting', waitsFor };
        return true;
      }
      const reason = `${dependency.name} ${outlook.reason}`;
      service.state = { kind: 'blocked', reason };
      emit({ kind: 'report', name: definition.name, text: `will not start: ${reason}` });
      this.#applyOnFailure(service, emit);
      return true;
    }
    service.state = { kind: 'starting', sinceMs: now };
    emit({ kind: 'start', name: definition.name });
    return true;
  }

  #outlook({ name, condition }: Dependency): Outlook {
    const service = this.#services.get(name);
    if (service === undefined) return { kind: 'hopeless', reason: 'is not in this image' };
    const hasHealthCheck = service.definition.options.health !== undefined;
    return outlookOf(condition, service.state, { hasHealthCheck });
  }

  #started(service: Service, pid: number, now: number, emit: Emit): void {
    const { state, definition } = service;
    if (state.kind === 'stopping') {
      // Stopped while it was being started: now there is a process to tell.
      service.state = { ...state, pid };
      emit({ kind: 'signal', name: definition.name, pid, signal: 'TERM' });
      return;
    }
    if (state.kind !== 'starting') return;
    const { health } = definition.options;
    service.state = {
      kind: 'running',
      sinceMs: now,
      pid,
      health: health === undefined ? { kind: 'unchecked' } : { kind: 'starting', failures: 0 },
    };
    service.nextCheckMs =
      health === undefined ? Number.POSITIVE_INFINITY : now + firstCheckDelayMs(health.intervalMs);
  }

  #ended(service: Service, exitStatus: number, now: number, emit: Emit): void {
    const { state } = service;
    service.nextCheckMs = Number.POSITIVE_INFINITY;
    if (state.kind === 'stopping') {
      if (state.next === 'restart-policy')
        this.#applyRestartPolicy(service, exitStatus === 0 ? 1 : exitStatus, now, emit);
      else
        service.state =
          state.next === 'start' ? { kind: 'waiting', waitsFor: 'its turn' } : { kind: 'stopped' };
      return;
    }
    if (state.kind !== 'starting' && state.kind !== 'running') return;
    if (state.kind === 'running' && now - state.sinceMs >= steadyAfterMs) service.retries = 0;
    this.#applyRestartPolicy(service, exitStatus, now, emit);
  }

  #applyRestartPolicy(service: Service, exitStatus: number, now: number, emit: Emit): void {
    const { definition } = service;
    const { policy, maxRetries, delayMs, maxDelayMs } = definition.options.restart;
    const wanted = policy === 'always' || (policy === 'on-failure' && exitStatus !== 0);
    if (wanted && service.retries < maxRetries) {
      const wait = Math.min(delayMs * 2 ** service.retries, maxDelayMs);
      service.retries += 1;
      service.state = { kind: 'backoff', untilMs: now + wait, exitStatus };
      const text = `ended with exit status ${exitStatus}; starting it again in ${wait / 1000} s`;
      emit({ kind: 'report', name: definition.name, text });
      // Once of several failures in a row, which are mostly for one reason.
      if (exitStatus !== 0 && service.retries === 1) emit({ kind: 'show-log', name: definition.name });
      return;
    }
    if (exitStatus === 0) {
      service.state = { kind: 'completed' };
      return;
    }
    service.state = { kind: 'failed', exitStatus };
    emit({ kind: 'report-failure', name: definition.name, exitStatus });
    this.#applyOnFailure(service, emit);
  }

  #applyOnFailure(service: Service, emit: Emit): void {
    const { name, options } = service.definition;
    switch (options.onFailure) {
      case 'continue':
        return;
      case 'stop':
        if (this.#phase === 'open') this.#phase = 'no-new-starts';
        emit({ kind: 'report', name, text: 'its onFailure is "stop": no further service is started' });
        return;
      case 'poweroff':
        emit({ kind: 'report', name, text: 'its onFailure is "poweroff": the machine goes down' });
        emit({ kind: 'poweroff', name });
        return;
    }
  }

  #checked(service: Service, healthy: boolean, now: number, emit: Emit): void {
    const { state, definition } = service;
    const check = definition.options.health;
    if (state.kind !== 'running' || check === undefined) return;
    service.nextCheckMs = now + check.intervalMs;
    if (healthy) {
      if (state.health.kind !== 'healthy')
        emit({ kind: 'report', name: definition.name, text: 'is healthy' });
      service.state = { ...state, health: { kind: 'healthy', failures: 0 } };
      return;
    }
    if (state.health.kind === 'starting' && now - state.sinceMs < check.startPeriodMs) {
      service.nextCheckMs = now + firstCheckDelayMs(check.intervalMs);
      return;
    }
    if (state.health.kind !== 'starting' && state.health.kind !== 'healthy') return;
    const failures = state.health.failures + 1;
    if (failures < check.retries) {
      service.state = { ...state, health: { ...state.health, failures } };
      return;
    }
    service.state = { ...state, health: { kind: 'unhealthy' } };
    emit({ kind: 'report', name: definition.name, text: `is unhealthy after ${failures} failed checks` });
    // A service that may restart does so when it is ill; one that may not is left to whoever watches.
    if (definition.options.restart.policy !== 'no') this.#stop(service, 'restart-policy', now, emit);
  }

  #requestStart(service: Service): void {
    if (isAlive(service.state)) return;
    service.retries = 0;
    if (this.#phase === 'no-new-starts') this.#phase = 'open';
    service.state = { kind: 'waiting', waitsFor: 'its turn' };
  }

  #stop(service: Service, next: 'stay' | 'start' | 'restart-policy', now: number, emit: Emit): void {
    const { state, definition } = service;
    service.nextCheckMs = Number.POSITIVE_INFINITY;
    if (state.kind === 'running') {
      service.state = { kind: 'stopping', killAtMs: now + stopGraceMs, pid: state.pid, next };
      emit({ kind: 'signal', name: definition.name, pid: state.pid, signal: 'TERM' });
    } else if (state.kind === 'starting') {
      service.state = { kind: 'stopping', killAtMs: now + stopGraceMs, pid: 0, next };
    } else if (state.kind === 'stopping') {
      service.state = { ...state, next };
    } else if (state.kind !== 'blocked' && state.kind !== 'completed' && state.kind !== 'failed') {
      service.state = { kind: 'stopped' };
    }
  }

  #stopAll(now: number, emit: Emit): void {
    if (this.#phase === 'stopping-all' || this.#phase === 'all-stopped') return;
    this.#phase = 'stopping-all';
    this.poll(now, emit);
  }

  /** Those that others depend on are stopped only when the others are gone. */
  #pollStopAll(now: number, emit: Emit): void {
    const services = [...this.#services.values()];
    for (const name of stopOrder(
      services.map(({ definition }) => ({ name: definition.name, ...definition.options })),
    )) {
      const service = this.#services.get(name);
      if (service === undefined || service.state.kind === 'stopping' || service.state.kind === 'stopped')
        continue;
      const isNeeded = services.some(
        (other) =>
          isAlive(other.state) && other.definition.options.dependsOn.some((entry) => entry.name === name),
      );
      if (!isNeeded) this.#stop(service, 'stay', now, emit);
    }
    if (services.some(({ state }) => isAlive(state))) return;
    this.#phase = 'all-stopped';
    emit({ kind: 'all-stopped' });
  }
}

/** A service that others wait for should not be looked at only after half a minute. */
function firstCheckDelayMs(intervalMs: number): number {
  return Math.min(intervalMs, 1000);
}
