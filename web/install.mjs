// Installs the npm packages of a folder exactly as its lock file says; does nothing where that was done already.
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

export function install(folder) {
    const lock = createHash('sha256').update(readFileSync(join(folder, 'package-lock.json'))).digest('hex');
    const stamp = join(folder, 'node_modules', '.lock-hash');
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock)
        return;
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'],
        {cwd: folder, stdio: ['ignore', 'ignore', 'inherit']});
    writeFileSync(stamp, lock);
}
