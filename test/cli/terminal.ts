/** A command in a terminal of its own, in which somebody types. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Types the keys of each pair when its sign has been shown; prints all that was shown, and the exit code. */
const SCRIPT = `
import json, os, pty, select, signal, sys, time
typing, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, seen, end = b'', 0, time.time() + 60
while time.time() < end:
    if not select.select([fd], [], [], 0.2)[0]: continue
    try: piece = os.read(fd, 65536)
    except OSError: break
    if not piece: break
    shown += piece
    while typing and typing[0][0].encode() in shown[seen:]:
        sign, keys = typing.pop(0)
        seen = len(shown)
        time.sleep(0.3)
        os.write(fd, keys.encode('latin1'))
else:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode('utf8', 'replace').replace('\\r', ''))
print('exit', os.waitstatus_to_exitcode(status))
`;

/** Why there is no terminal here; false: there is one. */
export const NO_TERMINAL: string | false = spawnSync('python3', ['--version']).error ? 'python3 is not installed' : false;

/** Everything that was shown, line ends as \\n, and `exit N` at the end. */
export async function inTerminal(
  typing: readonly (readonly [sign: string, keys: string])[],
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const { stdout } = await promisify(execFile)('python3', ['-c', SCRIPT, JSON.stringify(typing), ...command], {
    env: { ...process.env, ...env },
  });
  return stdout;
}
