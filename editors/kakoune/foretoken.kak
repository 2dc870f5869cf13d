# Foretoken beside the language's own server, in the completion menu. Needs kakoune-lsp 18.
hook -group foretoken global BufSetOption filetype=(?:rust|python|javascript|typescript|go|java|c|cpp) %{
    set-option -add buffer lsp_servers %{
        [foretoken]
        root_globs = [".git", ".hg"]
        command = "foretoken"
    }
}
