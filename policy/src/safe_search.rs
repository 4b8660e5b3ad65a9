//! Safe search without decrypting: search engines offer a host that answers in the strict mode, whoever asks. It is dialled
//! in place of the name that is asked for; what the browser says inside, certificate and all, stays as it was.
//!
//! What each engine offers; the help for network administrators to compare it with: Google
//! (support.google.com/websearch/answer/186669), YouTube (support.google.com/a/answer/6214622), Bing
//! (support.microsoft.com, "Block adult content with SafeSearch"), DuckDuckGo (duckduckgo.com/duckduckgo-help-pages,
//! "Safe Search"). The hosts of Qwant, which offers one for its results alone, and of Ecosia are known from public rewriting
//! lists of name servers, not from a page of theirs.
use crate::document::Table;
use crate::problem::Problem;

/// How strict YouTube is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restricted {
    Strict,
    Moderate,
}

/// The charter's `[safe_search]`: which engines are dialled at their strict hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SafeSearch {
    google: bool,
    bing: bool,
    duckduckgo: bool,
    qwant: bool,
    ecosia: bool,
    youtube: Option<Restricted>,
}

impl SafeSearch {
    /// All engines, as strict as they offer: what `safe_search = true` on a rule stands for when the charter says no more.
    pub(crate) const ALL: SafeSearch = SafeSearch {
        google: true,
        bing: true,
        duckduckgo: true,
        qwant: true,
        ecosia: true,
        youtube: Some(Restricted::Strict),
    };

    pub(crate) fn read(table: Table<'_>) -> SafeSearch {
        const MODES: [(&str, Restricted); 2] = [("strict", Restricted::Strict), ("moderate", Restricted::Moderate)];
        let mut well_said = true;
        let mut is_on = |key| {
            let on = table.boolean(key);
            well_said &= on.is_some() || !table.has(key);
            on.is_some_and(|on| on.value)
        };
        let engines = [is_on("google"), is_on("bing"), is_on("duckduckgo"), is_on("qwant"), is_on("ecosia")];
        let [google, bing, duckduckgo, qwant, ecosia] = engines;
        let youtube = table.word("youtube", &MODES).map(|mode| mode.value);
        if well_said && engines == [false; 5] && !table.has("youtube") {
            let label = "name one: google = true, youtube = \"moderate\"";
            table.note(Problem::warning(table.span(), "`[safe_search]` names no engine", label));
        }
        let read = SafeSearch { google, bing, duckduckgo, qwant, ecosia, youtube };
        table.end();
        read
    }

    /// The host that is dialled in place of this one, if it is an engine's.
    pub(crate) fn host(&self, asked: &str) -> Option<&'static str> {
        let (is_on, host) = match asked {
            "www.bing.com" | "bing.com" => (self.bing, "strict.bing.com"),
            "duckduckgo.com"
            | "www.duckduckgo.com"
            | "start.duckduckgo.com"
            | "html.duckduckgo.com"
            | "lite.duckduckgo.com" => (self.duckduckgo, "safe.duckduckgo.com"),
            "api.qwant.com" => (self.qwant, "safeapi.qwant.com"),
            "www.ecosia.org" | "ecosia.org" => (self.ecosia, "strict-safe-search.ecosia.org"),
            "www.youtube.com"
            | "m.youtube.com"
            | "youtubei.googleapis.com"
            | "youtube.googleapis.com"
            | "www.youtube-nocookie.com" => match self.youtube {
                Some(Restricted::Strict) => (true, "restrict.youtube.com"),
                Some(Restricted::Moderate) => (true, "restrictmoderate.youtube.com"),
                None => (false, ""),
            },
            _ => {
                let ending = asked.strip_prefix("www.google.")?;
                (self.google && GOOGLE.binary_search(&ending).is_ok(), "forcesafesearch.google.com")
            }
        };
        is_on.then_some(host)
    }
}

/// Where Google has a search of its own: <https://www.google.com/supported_domains>, sorted.
#[rustfmt::skip]
const GOOGLE: [&str; 188] = [
    "ad", "ae", "al", "am", "as", "at", "az", "ba", "be", "bf", "bg", "bi", "bj", "bs", "bt", "by", "ca", "cat", "cd",
    "cf", "cg", "ch", "ci", "cl", "cm", "cn", "co.ao", "co.bw", "co.ck", "co.cr", "co.id", "co.il", "co.in", "co.jp",
    "co.ke", "co.kr", "co.ls", "co.ma", "co.mz", "co.nz", "co.th", "co.tz", "co.ug", "co.uk", "co.uz", "co.ve", "co.vi",
    "co.za", "co.zm", "co.zw", "com", "com.af", "com.ag", "com.ai", "com.ar", "com.au", "com.bd", "com.bh", "com.bn",
    "com.bo", "com.br", "com.bz", "com.co", "com.cu", "com.cy", "com.do", "com.ec", "com.eg", "com.et", "com.fj",
    "com.gh", "com.gi", "com.gt", "com.hk", "com.jm", "com.kh", "com.kw", "com.lb", "com.ly", "com.mm", "com.mt",
    "com.mx", "com.my", "com.na", "com.ng", "com.ni", "com.np", "com.om", "com.pa", "com.pe", "com.pg", "com.ph",
    "com.pk", "com.pr", "com.py", "com.qa", "com.sa", "com.sb", "com.sg", "com.sl", "com.sv", "com.tj", "com.tr",
    "com.tw", "com.ua", "com.uy", "com.vc", "com.vn", "cv", "cz", "de", "dj", "dk", "dm", "dz", "ee", "es", "fi", "fm",
    "fr", "ga", "ge", "gg", "gl", "gm", "gr", "gy", "hn", "hr", "ht", "hu", "ie", "im", "iq", "is", "it", "je", "jo",
    "kg", "ki", "kz", "la", "li", "lk", "lt", "lu", "lv", "md", "me", "mg", "mk", "ml", "mn", "mu", "mv", "mw", "ne",
    "nl", "no", "nr", "nu", "pl", "pn", "ps", "pt", "ro", "rs", "ru", "rw", "sc", "se", "sh", "si", "sk", "sm", "sn",
    "so", "sr", "st", "td", "tg", "tl", "tm", "tn", "to", "tt", "vu", "ws",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_has_its_strict_host_and_no_other_site_has_one() {
        let all = SafeSearch::ALL;
        for (asked, dialled) in [
            ("www.google.com", Some("forcesafesearch.google.com")),
            ("www.google.fr", Some("forcesafesearch.google.com")),
            ("www.google.co.uk", Some("forcesafesearch.google.com")),
            ("www.google.example", None),
            ("www.google.fr.evil.example", None),
            ("mail.google.com", None),
            ("google.fr", None),
            ("www.bing.com", Some("strict.bing.com")),
            ("strict.bing.com", None),
            ("duckduckgo.com", Some("safe.duckduckgo.com")),
            ("api.qwant.com", Some("safeapi.qwant.com")),
            ("www.qwant.com", None),
            ("www.ecosia.org", Some("strict-safe-search.ecosia.org")),
            ("www.youtube.com", Some("restrict.youtube.com")),
            ("youtubei.googleapis.com", Some("restrict.youtube.com")),
            ("www.googleapis.com", None),
        ] {
            assert_eq!(all.host(asked), dialled, "{asked}");
        }
        let moderate = SafeSearch { google: false, youtube: Some(Restricted::Moderate), ..all };
        assert_eq!(moderate.host("m.youtube.com"), Some("restrictmoderate.youtube.com"));
        assert_eq!(moderate.host("www.google.fr"), None);
        assert!(GOOGLE.is_sorted());
    }
}
