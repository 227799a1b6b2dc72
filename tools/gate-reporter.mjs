/**
 * A Vitest reporter for the gate: when the run ends it writes to the file that `GATE_REPORT` names how many tests
 * passed, failed and were skipped, and what went wrong, in tests and outside of them, a line each.
 */
import { writeFileSync } from 'node:fs';

export default class GateReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const report = { passed: 0, failed: 0, skipped: 0, failures: [] };
    for (const module of modules) {
      for (const error of module.errors())
        report.failures.push(`${module.relativeModuleId}: ${firstLine(error)}`);
      for (const suite of module.children.allSuites())
        for (const error of suite.errors()) report.failures.push(`${placeOf(suite)}: ${firstLine(error)}`);
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === 'passed') report.passed++;
        else if (state === 'skipped') report.skipped++;
        else {
          report.failed++;
          report.failures.push(`${placeOf(test)}: ${firstLine(errors?.[0])}`);
        }
      }
    }
    for (const error of unhandledErrors) report.failures.push(`outside of a test: ${firstLine(error)}`);
    writeFileSync(process.env.GATE_REPORT, JSON.stringify(report));
  }
}

const placeOf = (entity) => `${entity.module.relativeModuleId} > ${entity.fullName}`;
const firstLine = (error) => String(error?.message ?? 'no message').split('\n', 1)[0];
