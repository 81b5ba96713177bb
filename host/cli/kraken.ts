/** The kraken command. */
import { userInfo } from 'node:os';
import envPaths from 'env-paths';
import { processIo } from './process-io.ts';
import { run } from './run.ts';

const VERSION = '0.1.0';

process.exitCode = await run(process.argv.slice(2), {
  io: processIo(),
  uid: process.getuid?.(),
  userPaths: () => envPaths('kraken', { suffix: '' }),
  userName,
  version: VERSION,
});

/** A container may run us under an id that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
