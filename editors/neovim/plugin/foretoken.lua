-- Starts Foretoken with the editor. `vim.g.foretoken = false`, set before this file is read, stops it.

if vim.g.loaded_foretoken or vim.g.foretoken == false then
  return
end
vim.g.loaded_foretoken = true

-- Later than this file, so that a plugin manager can call `setup` first. Before `VimEnter` Neovim
-- would not attach the server to the files named on the command line.
local function start()
  require('foretoken').start()
end
if vim.v.vim_did_enter == 1 then
  vim.schedule(start)
else
  vim.api.nvim_create_autocmd('VimEnter', { once = true, callback = start })
end

vim.api.nvim_create_user_command('Foretoken', function(call)
  require('foretoken').run(call.fargs[1] or 'status', call)
end, {
  nargs = '*',
  range = true,
  desc = 'Foretoken: explain, debug, fix, ask ...; status, toggle, cancel, log, restart',
  complete = function(typed)
    return vim.tbl_filter(function(name)
      return vim.startswith(name, typed)
    end, require('foretoken').subcommands())
  end,
})
