//! What goes with every bundle: how its records came about, and how anybody proves them without this program.
//!
//! Plain text, in both languages whatever the language of the answer. It claims no certificate: the register is designed so that
//! a third party can verify it, and nothing more is said.

use super::wording::set;
use crate::pages::Language;

/// How records arise, what the clock and masking do, how sure an identification is.
pub(crate) fn statement(language: Language) -> String {
    set(
        language,
        language.pick(
            "Établissement des enregistrements. Chaque connexion qui passe par le serveur mandataire donne lieu à un \
             enregistrement, écrit sur le disque avant que le premier octet ne parte, puis complété lorsqu'elle s'achève. Une \
             connexion qui dure au-delà de minuit (UTC) donne un enregistrement par journée. Aucun contenu, aucun en-tête, \
             aucun mot de passe n'est enregistré.\n\n\
             Horloge. Les instants sont en temps universel (UTC), à la microseconde, d'après l'horloge du serveur. Chaque sceau \
             indique si cette horloge était synchronisée, l'écart estimé et la source. L'heure locale est donnée à côté, avec son \
             décalage.\n\n\
             Masquage. La destination de certaines connexions n'est jamais inscrite (catégories protégées, personnes protégées, \
             invités) ; le champ « masked » en donne la raison. Rien ne permet de la retrouver.\n\n\
             Limites de l'identification. Le champ « auth » indique comment le compte a été établi : « negotiate » et « basic » par \
             une authentification, « address » par la seule adresse de l'équipement. Une adresse n'est pas une personne ; un compte \
             peut avoir été utilisé par un tiers. Les navigateurs et les logiciels ouvrent aussi des connexions d'eux-mêmes.\n\n\
             Intégrité. Après la fin d'une journée, ses enregistrements sont scellés : l'empreinte de chacun, salée, entre dans un \
             arbre dont la racine est signée (Ed25519) et chaînée à celle de la journée précédente. Les enregistrements d'une \
             journée qui n'est pas encore scellée ne portent pas de preuve ; le fichier proofs.jsonl l'indique. Ce registre est \
             conçu pour permettre la vérification d'intégrité par un tiers.",
            "How records arise. Each connection through the proxy server makes a record, which is on the disk before the first byte \
             leaves, and is completed when the connection ends. One that lasts beyond midnight (UTC) makes a record a day. No \
             content, no header, no password is recorded.\n\n\
             Clock. Instants are in universal time (UTC), to the microsecond, by the server's clock. Each seal says whether that \
             clock was synchronised, its estimated offset and its source. Local time stands beside it, with its offset.\n\n\
             Masking. The destination of some connections is never written down (protected categories, protected persons, guests); \
             the field \"masked\" says why. Nothing can bring it back.\n\n\
             Limits of identification. The field \"auth\" says how the account was established: \"negotiate\" and \"basic\" by \
             authentication, \"address\" by the address of the machine alone. An address is not a person; an account may have been \
             used by somebody else. Browsers and other software also open connections by themselves.\n\n\
             Integrity. When a day is over its records are sealed: the salted hash of each enters a tree whose root is signed \
             (Ed25519) and chained to that of the day before. Records of a day that is not sealed yet carry no proof; proofs.jsonl \
             says so. This register is designed so that a third party can verify its integrity.",
        ),
    )
}

/// The program that proves a bundle without this one; it goes into each.
pub(crate) const PROGRAM: &str = include_str!("../../../tests/verify_bundle.py");

/// How a bundle is proved with tools that every system has. Each command is run by a test as it stands here.
pub(crate) fn verification(language: Language, file: &str, key: &str) -> String {
    let told = set(
        language,
        language.pick(
            "Vérifier ce dossier sans notre logiciel\n\n\
             Il faut un système Linux avec unzip, sha256sum, openssl (3.0 ou plus récent) et base64 ; pour le point 4, Python 3 avec son \
             module cryptography (sous Debian : python3-cryptography), sur tout système.\n\n\
             1. Le dossier entier. Les 121 derniers octets sont sa signature, qui porte sur l'empreinte de tous ceux qui précèdent. \
             La dernière commande doit répondre « Signature Verified Successfully ».\n\n{commands}\n\n\
             2. La clé. Comparez les 16 premiers chiffres de son empreinte, {key}, avec ceux que l'organisation a remis à un tiers \
             (délégué à la protection des données, représentants du personnel, prestataire).\n\n\
             3. Chaque fichier. manifest.json donne l'empreinte SHA-256 de chacun ; sha256sum la recalcule.\n\n\
             4. Chaque enregistrement. La feuille d'un enregistrement est SHA-256(0x00 ‖ sel ‖ forme canonique) ; proofs.jsonl donne, \
             journée par journée, les empreintes qui mènent des feuilles à la racine de l'arbre (RFC 9162), et seals.jsonl le sceau \
             signé qui contient cette racine. Le programme verify_bundle.py, joint à ce dossier et lisible par tous, refait tous ces calculs \
             et ceux des points 1 et 3. Un dossier chiffré demande en outre --password suivi du mot de passe. La commande répond \
             « all hold », ou dit ce qui ne va pas.\n\n{program}\n\n\
             Le document docs/RECORDS.md, dans les sources publiques d'Octroi (« Proofs » et « Bundles »), décrit ces formes octet par \
             octet.",
            "To verify this bundle without our software\n\n\
             It takes a Linux system with unzip, sha256sum, openssl (3.0 or later) and base64; for step 4, Python 3 with its module \
             cryptography (on Debian: python3-cryptography), on any system.\n\n\
             1. The whole bundle. Its last 121 bytes are its signature, over the hash of all bytes before them. The last command must \
             answer \"Signature Verified Successfully\".\n\n{commands}\n\n\
             2. The key. Compare the first 16 digits of its hash, {key}, with those that the organisation has given to somebody else \
             (data protection officer, staff representatives, contractor).\n\n\
             3. Each file. manifest.json has the SHA-256 of each; sha256sum computes it again.\n\n\
             4. Each record. The leaf of a record is SHA-256(0x00 ‖ salt ‖ canonical form); proofs.jsonl has, day by day, the hashes \
             that lead from leaves to the root of the tree (RFC 9162), and seals.jsonl the signed seal that holds this root. The \
             program verify_bundle.py, which is in this bundle for everybody to read, does all of this again, and steps 1 and 3 too. \
             An encrypted bundle takes --password and the password as well. The command answers \"all hold\", or says what \
             doesn't.\n\n{program}\n\n\
             docs/RECORDS.md in Octroi's public sources (\"Proofs\" and \"Bundles\") describes these forms byte by byte.",
        ),
    );
    // Commands are typed as they stand: nothing of them is set.
    let commands = [
        format!("unzip -o {file} key.pem"),
        format!("hash=$(head -c -121 {file} | sha256sum | cut -d ' ' -f 1)"),
        format!("key=$(tail -c 121 {file} | cut -d ' ' -f 3)"),
        "printf 'octroi-bundle 1 %s %s' \"$key\" \"$hash\" > signed".to_owned(),
        format!("tail -c 88 {file} | base64 -d > signature"),
        "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in signed -sigfile signature".to_owned(),
    ];
    let commands = commands.map(|line| format!("    {line}")).join("\n");
    let program = format!("    unzip -o {file} verify_bundle.py\n    python3 verify_bundle.py {file}");
    format!("{}\n", told.replace("{commands}", &commands).replace("{program}", &program).replace("{key}", key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_law_7_asks_and_claims_nothing_it_must_not() {
        for (language, asked) in [
            (Language::French, ["synchronisée", "masked", "n’est pas une personne", "par un tiers"]),
            (Language::English, ["synchronised", "masked", "is not a person", "third party"]),
        ] {
            let said = statement(language);
            assert!(asked.iter().all(|words| said.contains(words)), "{said}");
            let all = said + &verification(language, "A.zip", "0123");
            for never in ["valeur probante", "Z42", "27001", "agréé", "garanti", "certif"] {
                assert!(!all.contains(never), "{never}");
            }
        }
    }
}
