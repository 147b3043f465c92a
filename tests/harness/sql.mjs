// Looks at (or sets up) the store of a test's server behind its back, for what no interface shows.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SQLITE = `
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
for row in store.execute(sys.argv[2]):
    print("|".join(str(value) for value in row))
`;

/** Runs one statement; the rows as text, columns joined by "|". */
export async function sql(server, statement) {
  const { stdout } = server.database
    ? await run('psql', [server.database.uri, '-qAt', '-v', 'ON_ERROR_STOP=1', '-c', statement])
    : await run('python3', ['-c', SQLITE, join(server.data, 'countersign.db'), statement]);
  return stdout.trim();
}
