;; Foretoken beside the language's own server. Needs Emacs 30 and lsp-mode 10.
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client
    :new-connection (lsp-stdio-connection '("foretoken"))
    :major-modes '(rust-mode rust-ts-mode python-mode python-ts-mode js-mode js-ts-mode
                   typescript-mode typescript-ts-mode tsx-ts-mode go-mode go-ts-mode
                   java-mode java-ts-mode c-mode c-ts-mode c++-mode c++-ts-mode)
    :initialization-options '(:editor "lsp-mode")
    :add-on? t
    :server-id 'foretoken))
  ;; Two seconds, the value that lsp-mode comes with, is longer than the server needs.
  (setq lsp-inline-completion-idle-delay 0.2)
  (add-hook 'lsp-mode-hook #'lsp-inline-completion-mode))
