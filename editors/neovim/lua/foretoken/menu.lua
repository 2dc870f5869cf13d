-- The completion menu, for Neovim 0.11, which has no ghost text. Completion plugins that read LSP
-- servers need nothing of this.

local M = {}

--- Offers suggestions in the buffer's completion menu and maps the key that asks for them.
---@param client vim.lsp.Client
---@param bufnr integer
function M.attach(client, bufnr)
  vim.lsp.completion.enable(true, client.id, bufnr)
  local keys = require('foretoken').options().keys
  local key = keys and keys.menu
  if key and vim.fn.maparg(key, 'i') == '' then
    vim.keymap.set('i', key, function()
      vim.lsp.completion.get()
    end, { buffer = bufnr, desc = 'Foretoken: suggest in the completion menu' })
  end
end

return M
