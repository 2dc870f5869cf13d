-- How Neovim starts the server. Override any field with `vim.lsp.config('foretoken', { ... })`.

---@type vim.lsp.Config
return {
  cmd = require('foretoken').command(),
  -- A config without a list would attach to every file. These are the identifiers of the languages
  -- whose syntax the server knows; add others and they are completed as plain text.
  filetypes = {
    'rust',
    'python',
    'javascript',
    'javascriptreact',
    'typescript',
    'typescriptreact',
    'tsx',
    'go',
    'java',
    'c',
    'cpp',
  },
  root_markers = { '.git' },
  init_options = { editor = 'neovim', status = true },
  handlers = {
    didChangeStatus = function(_, status)
      require('foretoken').on_status(status)
    end,
    ['foretoken/assist'] = function(_, note, context)
      require('foretoken.answer').on_note(note, context)
    end,
  },
  -- Answers are drawn while they come; without this they are documents that appear when they are whole.
  capabilities = { experimental = { foretoken = { assist = 1 } } },
  -- The server ends within a second of `shutdown`; without a wait Neovim would cut it off.
  exit_timeout = 1000,
}
