/** The kraken command. */
import envPaths from 'env-paths';
import { processIo } from './process-io.ts';
import { run } from './run.ts';

const VERSION = '0.1.0';

const user = (): { config: string; data: string } => envPaths('kraken', { suffix: '' });
const exit = await run(process.argv.slice(2), { io: processIo(), uid: process.getuid?.(), userPaths: user, version: VERSION });
process.exitCode = exit;
