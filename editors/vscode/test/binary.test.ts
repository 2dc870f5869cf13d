// Which program is started.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { find, type Places } from '../src/binary';

function places(there: readonly string[], more: Partial<Places> = {}): Places {
  return {
    setting: '',
    extension: '/ext',
    path: '/usr/bin:relative::/opt/bin',
    home: '/home/u',
    platform: 'linux',
    runs: (file) => there.includes(file),
    ...more,
  };
}

test('the setting, then the package, then PATH', () => {
  const all = ['/mine/foretoken', '/ext/server/foretoken', '/opt/bin/foretoken'];
  assert.deepEqual(find(places(all, { setting: '/mine/foretoken' })), { program: '/mine/foretoken', from: 'setting' });
  assert.deepEqual(find(places(all)), { program: '/ext/server/foretoken', from: 'extension' });
  assert.deepEqual(find(places(['/opt/bin/foretoken'])), { program: '/opt/bin/foretoken', from: 'PATH' });
  assert.deepEqual(find(places(['/home/u/f'], { setting: '~/f' })), { program: '/home/u/f', from: 'setting' });
});

test('a setting that names nothing is told, and nothing else is started', () => {
  for (const setting of ['/none', 'foretoken', './foretoken', '~other/f']) {
    const found = find(places(['/ext/server/foretoken', './foretoken'], { setting }));
    assert.ok('missing' in found && found.missing.includes(setting), setting);
  }
});

test('a relative folder of PATH is not searched', () => {
  const found = find(places(['relative/foretoken', 'foretoken']));
  assert.ok('missing' in found && found.missing.includes('foretoken.path'));
});
