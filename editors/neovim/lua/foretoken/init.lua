-- Foretoken in Neovim: finds the server, starts it, and joins its buffers to ghost text
-- (`foretoken.inline`) or, where Neovim has none, to the completion menu (`foretoken.menu`).
-- What is suggested is the server's business; no text of a suggestion is made here.

local M = {}

---@class foretoken.Keys
---@field accept string|false takes the whole suggestion
---@field accept_word string|false takes its first word
---@field dismiss string|false puts the suggestion away
---@field next string|false shows the next alternative
---@field menu string|false asks for the completion menu, where there is no ghost text

---@class foretoken.Options
---@field cmd? string[] the server's program and arguments; looked up when left out
---@field keys foretoken.Keys|false
---@field tab boolean let <Tab> take the suggestion, and be a <Tab> where there is none
---@field answers 'float'|'split' where answers to questions appear: over the code, or beside it

---@class foretoken.Status what the server last said of itself
---@field busy boolean
---@field kind 'Normal'|'Warning'|'Error'|'Inactive'
---@field message string

---@type foretoken.Options
local defaults = {
  keys = {
    accept = '<C-F>',
    accept_word = '<C-Right>',
    dismiss = '<C-]>',
    next = '<C-G>',
    menu = '<C-Space>',
  },
  tab = false,
  answers = 'float',
}

---@type table options of `setup`
local given = {}
---@type foretoken.Status?
local last_status
---@type table<string, true> trouble that was shown since the server was started
local told = {}
---@type string[]?
local looked_up -- the command that `command` found last
local started = false
local shown = true -- what `:Foretoken toggle` turns

--- The options in force: `setup`, over `vim.g.foretoken`, over the built-in ones.
---@return foretoken.Options
function M.options()
  local global = type(vim.g.foretoken) == 'table' and vim.g.foretoken or {}
  return vim.tbl_deep_extend('force', defaults, global, given)
end

--- Sets options. May be called at any time; keys take effect in buffers opened afterwards.
---@param options? table see |foretoken-options|
function M.setup(options)
  vim.validate('options', options, 'table', true)
  local before = M.options().cmd
  given = options or {}
  if started and not vim.deep_equal(before, M.options().cmd) then
    M.restart()
  end
end

--- The server's program: the option, else `foretoken` on PATH, else the build of the checkout
--- that this plugin lies in.
---@return string[]? command
local function find()
  local option = M.options().cmd
  if option then
    return vim.fn.executable(option[1]) == 1 and option or nil
  end
  if vim.fn.executable('foretoken') == 1 then
    return { 'foretoken' }
  end
  local here = vim.uv.fs_realpath(debug.getinfo(1, 'S').source:sub(2))
  -- <checkout>/editors/neovim/lua/foretoken/init.lua
  local checkout = vim.fn.fnamemodify(here or '', ':h:h:h:h:h')
  local built = vim.fs.joinpath(checkout, 'target', 'release', 'foretoken')
  if vim.fn.executable(built) == 1 then
    return { built }
  end
end

--- The command that was looked up. Where none was found it is a bare name, so that an error message
--- names the program that is missing.
---@return string[]
function M.command()
  looked_up = find() or M.options().cmd or { 'foretoken' }
  return looked_up
end

--- What to tell a user who has no server, or nil.
---@return string?
function M.missing()
  -- The user may have given a command of their own by `vim.lsp.config`.
  local command = vim.lsp.config.foretoken.cmd
  if type(command) == 'table' and vim.fn.executable(command[1]) == 0 then
    return ('Foretoken: the program %q was not found. Put it on PATH, or set '):format(command[1])
      .. 'vim.g.foretoken = { cmd = { "/path/to/foretoken" } } and run :Foretoken restart.'
  end
end

local function warn(text)
  vim.notify(text, vim.log.levels.WARN)
end

--- Tells the server where the cursor rests, so that the first key there finds it prepared. At most
--- one message per 100 ms; the server needs none of them.
---@param client vim.lsp.Client
---@param bufnr integer
---@param group integer
local function hint_at_cursor(client, bufnr, group)
  local waiting = false
  vim.api.nvim_create_autocmd('CursorMoved', {
    group = group,
    buffer = bufnr,
    callback = function()
      if waiting then
        return
      end
      waiting = true
      vim.defer_fn(function()
        waiting = false
        if vim.api.nvim_get_current_buf() == bufnr and not client:is_stopped() then
          local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
          client:notify('$/foretoken/cursor', params)
        end
      end, 100)
    end,
  })
end

--- Connects a buffer to the surface that this client has.
---@param client vim.lsp.Client
---@param bufnr integer
local function attach(client, bufnr)
  if not shown then
    return
  end
  -- What this client told the server decides, since the server offers a menu to no other.
  local inline = vim.tbl_get(client.capabilities, 'textDocument', 'inlineCompletion')
  require(inline and 'foretoken.inline' or 'foretoken.menu').attach(client, bufnr)
end

--- Says that there is no program, at the first file that would have had suggestions and not at every
--- start of the editor.
---@param missing string
---@param group integer
local function tell_missing(missing, group)
  local filetypes = vim.lsp.config.foretoken.filetypes or {}
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if vim.tbl_contains(filetypes, vim.bo[bufnr].filetype) then
      return warn(missing)
    end
  end
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    pattern = filetypes,
    once = true,
    callback = function()
      warn(missing)
    end,
  })
end

--- Starts the server for the file types of its config, now and in buffers opened later.
function M.start()
  started = true
  local group = vim.api.nvim_create_augroup('foretoken', {})
  local missing = M.missing()
  if missing then
    return tell_missing(missing, group)
  end
  vim.api.nvim_create_autocmd('LspAttach', {
    group = group,
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'foretoken' then
        local hints = vim.api.nvim_create_augroup('foretoken.cursor:' .. event.buf, {})
        hint_at_cursor(client, event.buf, hints)
        attach(client, event.buf)
      end
    end,
  })
  vim.lsp.enable('foretoken')
end

--- Stops the server and starts it anew, with the program looked up again.
function M.restart()
  local old = vim.lsp.get_clients({ name = 'foretoken' })
  vim.lsp.enable('foretoken', false)
  -- A client of the old server would be taken for the new one.
  vim.wait(2000, function()
    return vim.iter(old):all(function(client)
      return client:is_stopped() and not vim.lsp.get_client_by_id(client.id)
    end)
  end, 20)
  if vim.deep_equal(vim.lsp.config.foretoken.cmd, looked_up) then
    vim.lsp.config('foretoken', { cmd = M.command() })
  end
  last_status, told = nil, {}
  M.start()
end

--- Handler of `didChangeStatus`: shows trouble once, and keeps the status for the status line. The server
--- sends trouble of its model only this way to those who take it.
---@param status foretoken.Status
function M.on_status(status)
  last_status = status
  local trouble = status.kind == 'Warning' or status.kind == 'Error'
  if trouble and not told[status.message] then
    told[status.message] = true
    warn('Foretoken: ' .. status.message)
  end
  vim.api.nvim_exec_autocmds('User', { pattern = 'ForetokenStatus', data = status, modeline = false })
  -- Nothing else tells a status line that its component has changed.
  vim.cmd.redrawstatus()
end

--- What the server last said of itself, for a status line.
---@return foretoken.Status?
function M.status()
  return last_status
end

--- A component for a status line: the name, with a sign while something runs, in trouble, or switched off.
--- Empty in buffers without the server. A `%` of a message cannot reach the line, since none is shown.
---@return string
function M.statusline()
  if not next(vim.lsp.get_clients({ name = 'foretoken', bufnr = 0 })) then
    return ''
  end
  local status = last_status
  if not shown or (status and status.kind == 'Inactive') then
    return 'Foretoken off'
  elseif status and (status.kind == 'Warning' or status.kind == 'Error') then
    return 'Foretoken !'
  end
  return status and status.busy and 'Foretoken …' or 'Foretoken'
end

--- Takes the suggestion. Returns false, and does nothing, where none is shown.
---@return boolean
function M.accept()
  return require('foretoken.inline').accept()
end

--- Takes the first word of the suggestion. Returns false where none is shown.
---@return boolean
function M.accept_word()
  return require('foretoken.inline').accept_word()
end

--- Puts the suggestion away. Returns false where none is shown.
---@return boolean
function M.dismiss()
  return require('foretoken.inline').dismiss()
end

---@return vim.lsp.Client?
local function server()
  return vim.lsp.get_clients({ name = 'foretoken', bufnr = 0 })[1]
    or vim.lsp.get_clients({ name = 'foretoken' })[1]
end

--- Runs a command of the server, and hands on its answer.
---@param name string
---@param on_result? fun(result: any)
---@param argument? table
local function execute(name, on_result, argument)
  local client = server()
  if not client then
    return warn(M.missing() or 'Foretoken: no server runs for this file; see :checkhealth foretoken.')
  end
  local command = { title = name, command = name, arguments = argument and { argument } or nil }
  client:exec_cmd(command, nil, function(err, result)
    if err then
      warn('Foretoken: ' .. err.message)
    elseif on_result then
      on_result(result)
    end
  end)
end

--- Asks about the lines of the command, else about the cursor's place.
---@param task string
---@return fun(call?: vim.api.keyset.create_user_command.command_args)
local function asks(task)
  return function(call)
    local client = server()
    local range = call and call.range > 0 and { call.line1, call.line2 } or nil
    local words = call and table.concat(vim.list_slice(call.fargs, 2), ' ') or ''
    if task == 'ask' and words == '' then
      words = vim.fn.input('Ask: ')
      if words == '' then
        return
      end
    end
    local question = words ~= '' and words or nil
    local about = client and require('foretoken.answer').about(client, range, question)
    execute('foretoken.' .. task, nil, about or nil)
  end
end

---@type table<string, fun(call?: vim.api.keyset.create_user_command.command_args)>
local run = {
  explain = asks('explain'),
  debug = asks('debug'),
  fix = asks('fix'),
  document = asks('document'),
  test = asks('test'),
  summarise = asks('summarise'),
  ask = asks('ask'),
  answer = function()
    if not require('foretoken.answer').focus() then
      warn('Foretoken: there is no answer yet.')
    end
  end,
  status = function()
    execute('foretoken.status', function(status)
      vim.notify(require('foretoken.status').describe(status))
    end)
  end,
  cancel = function()
    execute('foretoken.cancel')
  end,
  toggle = function()
    shown = not shown
    for _, client in ipairs(vim.lsp.get_clients({ name = 'foretoken' })) do
      for bufnr in pairs(client.attached_buffers) do
        if shown then
          attach(client, bufnr)
        else
          require('foretoken.inline').detach(bufnr)
          vim.lsp.completion.enable(false, client.id, bufnr)
        end
      end
    end
    vim.notify('Foretoken: suggestions are ' .. (shown and 'on' or 'off'))
  end,
  log = function()
    -- The server writes its warnings to stderr, which Neovim keeps in this file.
    vim.cmd.tabedit(vim.fn.fnameescape(vim.lsp.log.get_filename()))
    vim.cmd.normal({ 'G', bang = true })
  end,
  restart = M.restart,
}

--- Runs one subcommand of `:Foretoken`.
---@param name string
---@param call? vim.api.keyset.create_user_command.command_args
function M.run(name, call)
  local command = run[name]
  if not command then
    return warn(('Foretoken: no command %q; there are %s.'):format(name, table.concat(M.subcommands(), ', ')))
  end
  command(call)
end

--- The names of the subcommands of `:Foretoken`, sorted.
---@return string[]
function M.subcommands()
  local names = vim.tbl_keys(run)
  table.sort(names)
  return names
end

return M
