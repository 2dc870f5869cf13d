//! The table of secrets that their issuers gave a recognisable form. Each pattern is written from the issuer's own
//! description of its keys; a first group, where there is one, is the secret within what is matched.

use std::ops::Range;

use super::{Secret, assigned};

/// A private key in a block of its own: it alone keeps a whole text here.
pub(super) const PRIVATE_KEY: Secret = Secret("PRIVATE_KEY");

/// One rule.
pub(super) struct Rule {
    pub(super) secret: Secret,
    /// The pattern is tried where one of these stands, in capitals or not.
    pub(super) keywords: &'static [&'static str],
    pub(super) pattern: &'static str,
    /// What a pattern cannot say.
    pub(super) holds: fn(&Matched<'_>) -> bool,
}

/// Where a pattern matched.
pub(super) struct Matched<'a> {
    pub(super) text: &'a str,
    pub(super) whole: Range<usize>,
    pub(super) part: Range<usize>,
}

impl<'a> Matched<'a> {
    pub(super) fn part(&self) -> &'a str {
        &self.text[self.part.clone()]
    }
}

/// A rule whose pattern says all.
const fn plain(
    code: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
) -> Rule {
    Rule {
        secret: Secret(code),
        keywords,
        pattern,
        holds: |_| true,
    }
}

/// A rule that also asks for the disorder of a random text, since its form alone says little.
const fn random(
    code: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
) -> Rule {
    Rule {
        secret: Secret(code),
        keywords,
        pattern,
        holds: |matched| assigned::is_random(matched.part()),
    }
}

pub(super) const RULES: &[Rule] = &[
    // Blocks.
    plain(
        PRIVATE_KEY.0,
        &["PRIVATE KEY"],
        concat!(
            r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
            r#"[A-Za-z0-9+/=\s\\"',:.()@<>;-]{16}[A-Za-z0-9+/=\s\\"',:.()@<>;-]*?"#,
            r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----",
        ),
    ),
    // One whose end was cut off, as far as base64 goes.
    plain(
        PRIVATE_KEY.0,
        &["PRIVATE KEY"],
        r#"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\\"',]*[A-Za-z0-9+/=\s\\]{16}[A-Za-z0-9+/=\s\\]*"#,
    ),
    plain(
        PRIVATE_KEY.0,
        &["PuTTY-User-Key-File"],
        r"PuTTY-User-Key-File-\d:[^\x00]*?Private-MAC: [0-9a-f]{40,64}",
    ),
    plain(
        PRIVATE_KEY.0,
        &["AGE-SECRET-KEY-"],
        r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    ),
    // Clouds.
    random(
        "AWS_KEY",
        &["AKIA", "ASIA", "ABIA", "ACCA"],
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    ),
    random(
        "AWS_SECRET",
        &["aws"],
        r#"(?i)aws[a-z0-9_.-]{0,20}(?:secret|key)[a-z0-9_.-]{0,20}["']?[ \t]{0,8}(?:=|:|=>)[ \t]{0,8}["']?([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
    ),
    random("GOOGLE_KEY", &["AIza"], r"\bAIza[0-9A-Za-z_-]{35}"),
    random("GOOGLE_CLIENT", &["GOCSPX-"], r"\bGOCSPX-[0-9A-Za-z_-]{28}"),
    random(
        "GOOGLE_TOKEN",
        &["ya29.", "1//0"],
        r"(?:\bya29\.[0-9A-Za-z_-]{30,}|\b1//0[0-9A-Za-z_-]{40,})",
    ),
    random(
        "AZURE_STORAGE",
        &["AccountKey=", "SharedAccessKey="],
        r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{42,86}={1,2})",
    ),
    random(
        "AZURE_SAS",
        &["sig="],
        r"[?&]sig=([A-Za-z0-9%+/]{43,}(?:=|%3[Dd]))",
    ),
    random(
        "AZURE_CLIENT",
        &["Q~"],
        r"\b([A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34})",
    ),
    random(
        "AZURE_DEVOPS",
        &["AZDO"],
        r"\b[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}\b",
    ),
    random(
        "DIGITALOCEAN",
        &["dop_v1_", "doo_v1_", "dor_v1_"],
        r"\bdo[opr]_v1_[a-f0-9]{64}\b",
    ),
    random("HEROKU", &["HRKU-"], r"\bHRKU-[A-Za-z0-9_-]{36,}"),
    random(
        "CLOUDFLARE",
        &["v1.0-"],
        r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b",
    ),
    random(
        "FLY",
        &["fm1_", "fm2_", "fo1_"],
        r"\b(?:fm[12]|fo1)_[A-Za-z0-9+/=_-]{40,}",
    ),
    random("ALIBABA", &["LTAI"], r"\bLTAI[A-Za-z0-9]{16,20}\b"),
    // Forges and registries.
    random(
        "GITHUB",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\bgh[pousr]_[A-Za-z0-9]{36,255}",
    ),
    random(
        "GITHUB",
        &["github_pat_"],
        r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}",
    ),
    random(
        "GITLAB",
        &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-",
        ],
        r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[A-Za-z0-9_.-]{20,}",
    ),
    random(
        "ATLASSIAN",
        &["ATATT3", "ATCTT3"],
        r"\bAT[AC]TT3[A-Za-z0-9_=-]{50,}",
    ),
    random("NPM", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}\b"),
    random("PYPI", &["pypi-AgE"], r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    random("RUST_REGISTRY", &["cio"], r"\bcio[A-Za-z0-9]{32}\b"),
    random("RUBYGEMS", &["rubygems_"], r"\brubygems_[a-f0-9]{48}\b"),
    random(
        "DOCKER",
        &["dckr_pat_", "dckr_oat_"],
        r"\bdckr_[op]at_[A-Za-z0-9_-]{27,}",
    ),
    // Models.
    random(
        "ANTHROPIC",
        &["sk-ant-"],
        r"\bsk-ant-[a-z0-9]{2,10}-[A-Za-z0-9_-]{20,}",
    ),
    random(
        "OPENAI",
        &["sk-"],
        r"\bsk-(?:(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{48})",
    ),
    random("OPENROUTER", &["sk-or-"], r"\bsk-or-v1-[a-f0-9]{64}\b"),
    random(
        "HUGGINGFACE",
        &["hf_", "api_org_"],
        r"\b(?:hf|api_org)_[A-Za-z0-9]{34,}\b",
    ),
    random("GROQ", &["gsk_"], r"\bgsk_[A-Za-z0-9]{40,}"),
    random("PERPLEXITY", &["pplx-"], r"\bpplx-[A-Za-z0-9]{40,}"),
    random("XAI", &["xai-"], r"\bxai-[A-Za-z0-9]{60,}"),
    random("REPLICATE", &["r8_"], r"\br8_[A-Za-z0-9]{37}\b"),
    random(
        "LITELLM",
        &["sk-"],
        r"\b(sk-[A-Za-z0-9_-]{22})(?:[^A-Za-z0-9_-]|$)",
    ),
    // Messages and payments.
    random(
        "SLACK",
        &[
            "xoxa-", "xoxb-", "xoxe-", "xoxe.", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xoxc-",
            "xoxd-", "xapp-",
        ],
        r"\b(?:xox[abcdeoprs]|xapp)[-.][A-Za-z0-9%-]{10,}[A-Za-z0-9%-]*",
    ),
    random(
        "SLACK_HOOK",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9]{8,}/[A-Za-z0-9]{8,}/[A-Za-z0-9]{16,})",
    ),
    random(
        "DISCORD",
        &["discord"],
        r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",
    ),
    random(
        "DISCORD_HOOK",
        &["/api/webhooks/"],
        r"discord(?:app)?\.com/api/webhooks/[0-9]{15,}/([A-Za-z0-9_-]{60,})",
    ),
    random("TELEGRAM", &[":AA"], r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    random(
        "STRIPE",
        &["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
        r"\b(?:[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,})",
    ),
    random(
        "SQUARE",
        &["sq0atp-", "sq0csp-", "EAAA"],
        r"\b(?:sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60})",
    ),
    random(
        "SHOPIFY",
        &["shpat_", "shpca_", "shppa_", "shpss_"],
        r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b",
    ),
    random(
        "SENDGRID",
        &["SG."],
        r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
    ),
    random("TWILIO", &["SK"], r"\bSK[0-9a-f]{32}\b"),
    random("MAILGUN", &["key-"], r"\bkey-[0-9a-f]{32}\b"),
    random("MAILCHIMP", &["-us"], r"\b[0-9a-f]{32}-us[0-9]{1,2}\b"),
    random("FACEBOOK", &["EAA"], r"\bEAA[A-Za-z0-9]{80,}"),
    // Tools of a trade.
    random("DATABRICKS", &["dapi"], r"\bdapi[a-f0-9]{32}(?:-[0-9])?\b"),
    random(
        "NEWRELIC",
        &["NRAK-", "NRII-", "NRJS-"],
        r"\bNR(?:AK|II|JS)-[A-Za-z0-9_-]{19,32}",
    ),
    random(
        "SENTRY",
        &["sntrys_", "sntryu_"],
        r"\bsntry(?:s_eyJ[A-Za-z0-9+/=_-]{60,}|u_[a-f0-9]{64})",
    ),
    random(
        "GRAFANA",
        &["glsa_", "glc_"],
        r"\bgl(?:sa|c)_[A-Za-z0-9+/=_-]{32,}",
    ),
    random(
        "VAULT",
        &["hvs.", "hvb.", "hvr."],
        r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}",
    ),
    random(
        "TERRAFORM",
        &[".atlasv1."],
        r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,}",
    ),
    random("POSTMAN", &["PMAK-"], r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b"),
    random("LINEAR", &["lin_api_"], r"\blin_api_[A-Za-z0-9]{40}\b"),
    random(
        "NOTION",
        &["ntn_", "secret_"],
        r"\b(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})\b",
    ),
    random(
        "DOPPLER",
        &["dp."],
        r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{40,}",
    ),
    random("DROPBOX", &["sl."], r"\bsl\.(?:u\.)?[A-Za-z0-9_-]{100,}"),
    random(
        "PLANETSCALE",
        &["pscale_"],
        r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.-]{32,}",
    ),
    random(
        "SUPABASE",
        &["sb_secret_", "sbp_"],
        r"\b(?:sb_secret_[A-Za-z0-9_-]{20,}|sbp_[a-f0-9]{40})",
    ),
    // Any issuer's.
    random(
        "JWT",
        &["eyJ"],
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ),
    random(
        "BEARER",
        &["bearer"],
        r"(?i)\bbearer[ \t]+([A-Za-z0-9._~+/-]{20,}={0,2})",
    ),
    random(
        "BASIC_AUTH",
        &["basic "],
        r#"(?i)authorization["']?[ \t]{0,4}[:=,][ \t]{0,4}["']?basic[ \t]+([A-Za-z0-9+/]{12,}={0,2})"#,
    ),
    Rule {
        secret: Secret("URL_PASSWORD"),
        keywords: &["://"],
        pattern: r#"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@"'`<>{}$%*()\[\]\\]{0,64}:([^\s/@"'`<>{}$*()\[\]\\]{3,128})@[A-Za-z0-9.\[-]"#,
        holds: |matched| !assigned::is_stand_in(matched.part()),
    },
    Rule {
        secret: Secret("ASSIGNED"),
        keywords: &[
            "password",
            "passwd",
            "pwd",
            "passphrase",
            "secret",
            "token",
            "api_key",
            "apikey",
            "api-key",
            "access_key",
            "accesskey",
            "access-key",
            "auth_key",
            "authkey",
            "credential",
        ],
        pattern: assigned::PATTERN,
        holds: assigned::holds,
    },
];
