-- Runs the scenarios against a real Neovim: nvim -l driver.lua NVIM SERVER PLUGIN [NAME-PART]
-- NVIM starts the Neovim under test, SERVER is the program under test, PLUGIN the plugin's folder.
-- Prints one line per scenario; the exit code is 1 if one failed.

local here = vim.fs.dirname(vim.fs.abspath(debug.getinfo(1, 'S').source:sub(2)))
package.path = vim.fs.joinpath(here, '?.lua') .. ';' .. package.path

local Editor = require('editor')
local nvim, server, plugin, part = _G.arg[1], _G.arg[2], _G.arg[3], _G.arg[4]
assert(nvim and server and plugin, 'usage: nvim -l driver.lua NVIM SERVER PLUGIN [NAME-PART]')
local paths = { nvim = nvim, server = server, plugin = plugin, here = here }

---@type table<string, Editor> one Neovim for all scenarios of a setting
local editors = {}
local failures = 0

local scenarios = vim.list_extend(require('scenarios'), require('answers'))
for _, scenario in ipairs(scenarios) do
  if failures == 3 then
    io.stdout:write('three scenarios failed; the others are not tried\n')
    break
  end
  if not part or scenario.name:find(part, 1, true) then
    local setting = vim.inspect(scenario.setting)
    local begun = vim.uv.hrtime()
    local ok, why = xpcall(function()
      editors[setting] = editors[setting] or Editor.start(paths, scenario.setting)
      scenario.run(editors[setting])
      if not scenario.setting.own then
        editors[setting]:reset()
      end
    end, function(message)
      return type(message) == 'string' and debug.traceback(message, 2) or vim.inspect(message)
    end)
    io.stdout:write(('%s  %s (%d ms)\n'):format(ok and 'ok  ' or 'FAIL', scenario.name, (vim.uv.hrtime() - begun) / 1e6))
    if not ok then
      failures = failures + 1
      io.stdout:write(tostring(why) .. '\n')
    end
    if editors[setting] and (scenario.setting.own or not ok) then
      -- A Neovim in an unknown state must not fail the scenarios that follow.
      editors[setting]:stop()
      editors[setting] = nil
    end
  end
end

for _, editor in pairs(editors) do
  editor:stop()
end
os.exit(failures == 0 and 0 or 1)
