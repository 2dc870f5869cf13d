-- Configuration of the Neovim under test: the plugin of this repository, the server under test, and
-- a record of everything the user would have been told.

vim.opt.runtimepath:prepend(vim.env.FORETOKEN_TEST_PLUGIN)
vim.g.foretoken = { cmd = { vim.env.FORETOKEN_TEST_SERVER } }
vim.o.swapfile = false
-- The Python file type plugin looks for a Python with Neovim's module, which takes seconds.
vim.g.loaded_python3_provider = 0
-- Automatic indentation would change what the scenarios type.
vim.cmd('filetype indent off')

---@type string[]
_G.told = {}
vim.notify = function(message)
  table.insert(_G.told, message)
end
-- The built-in one waits for a key and would block the driver.
vim.ui.select = function(_, _, on_choice)
  on_choice(nil)
end

---@type integer answers to requests for ghost text
_G.answers = 0
vim.api.nvim_create_autocmd('LspRequest', {
  callback = function(event)
    local request = event.data.request
    if request.type == 'complete' and request.method == 'textDocument/inlineCompletion' then
      _G.answers = _G.answers + 1
    end
  end,
})

-- A config can add to the capabilities but not take one away, hence here.
local make = vim.lsp.protocol.make_client_capabilities
---@diagnostic disable-next-line: duplicate-set-field
vim.lsp.protocol.make_client_capabilities = function()
  local capabilities = make()
  if vim.env.FORETOKEN_TEST_ENCODING then
    capabilities.general.positionEncodings = { vim.env.FORETOKEN_TEST_ENCODING }
  end
  if vim.env.FORETOKEN_TEST_MENU then
    -- What Neovim 0.11 says: it knows no inline completion.
    capabilities.textDocument.inlineCompletion = nil
  end
  return capabilities
end

vim.lsp.config('foretoken', {
  -- Whether a text is good enough is judged elsewhere; here something has to be offered.
  settings = { foretoken = { completion = { minimumProbability = 0.2 } } },
  on_exit = function(code, signal)
    _G.ended = { code = code, signal = signal }
  end,
})
