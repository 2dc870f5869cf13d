-- `:checkhealth foretoken`: the editor, the program, the running server, the keys.

local M = {}

local health = vim.health

local function check_editor()
  health.start('Neovim')
  local version = tostring(vim.version())
  if vim.lsp.inline_completion then
    health.ok(version .. ' shows ghost text')
  elseif vim.fn.has('nvim-0.11') == 1 then
    health.warn(version .. ' has no ghost text; suggestions appear in the completion menu', {
      'Neovim 0.12 or newer shows them as ghost text.',
    })
  else
    health.error(version .. ' is too old', { 'Install Neovim 0.11, or 0.12 for ghost text.' })
  end
end

local function check_program()
  health.start('Server program')
  local missing = require('foretoken').missing()
  if missing then
    return health.error(missing)
  end
  local command = vim.lsp.config.foretoken.cmd
  if type(command) ~= 'table' then
    return health.info('started by a function of your configuration')
  end
  local ok, result = pcall(function()
    return vim.system({ command[1], '--version' }, { text = true }):wait(10000)
  end)
  if ok and result.code == 0 then
    health.ok(vim.trim(result.stdout) .. ': ' .. vim.fn.exepath(command[1]))
    health.info(('Model and runtime: `%s doctor`'):format(command[1]))
  else
    local why = ok and vim.trim(result.stderr or '') or tostring(result)
    health.error(('`%s --version` failed: %s'):format(command[1], why))
  end
end

local function check_server()
  health.start('Running server')
  local clients = vim.lsp.get_clients({ name = 'foretoken' })
  if #clients == 0 then
    health.warn('no server runs', { 'Open a file of one of: ' .. table.concat(vim.lsp.config.foretoken.filetypes, ', ') })
  end
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    health.ok(('client %d, %d buffer(s), root %s'):format(client.id, buffers, client.root_dir or 'none'))
  end
  local status = require('foretoken').status()
  if status then
    local report = (status.kind == 'Error' or status.kind == 'Warning') and health.warn or health.info
    report(('%s: %s'):format(status.kind, status.message))
  end
end

local function check_keys()
  health.start('Keys')
  local options = require('foretoken').options()
  if options.tab then
    health.info('<Tab>: accept')
  end
  for name, key in vim.spairs(options.keys or {}) do
    -- A mapping of the user's own is left alone, so the same key then does not serve us.
    local taken = key and vim.fn.maparg(key, 'i', false, true)
    if taken and taken.lhs and not vim.startswith(taken.desc or '', 'Foretoken') then
      health.warn(('%s (%s) is mapped by you or another plugin and was left alone'):format(key, name))
    elseif key then
      health.info(('%s: %s'):format(key, name))
    end
  end
end

--- Entry point of `:checkhealth`.
function M.check()
  check_editor()
  check_program()
  check_server()
  check_keys()
end

return M
