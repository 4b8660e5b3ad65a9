//! What each page of what went wrong says, in both languages.
use super::Fault;

/// What a page says of a fault, in one language.
pub(super) struct Wording {
    pub(super) title: &'static str,
    pub(super) happened: &'static str,
    pub(super) advice: &'static str,
}

impl Fault<'_> {
    /// What the page says, French then English.
    pub(super) fn wording(self) -> [Wording; 2] {
        match self {
            Fault::BadRequest { .. } => [
                Wording {
                    title: "Demande mal formée",
                    happened: "La passerelle a reçu une demande qu’elle ne peut pas interpréter avec certitude\u{202f}; elle ne l’a pas transmise.",
                    advice: "Vérifiez l’adresse saisie. Si elle est juste, le logiciel utilisé est sans doute en cause\u{a0}: signalez-le.",
                },
                Wording {
                    title: "Malformed request",
                    happened: "The gate received a request it cannot read with certainty, and did not forward it.",
                    advice: "Check the address you typed. If it is right, the software you are using is probably at fault: please report it.",
                },
            ],
            Fault::RequestTimeout => [
                Wording {
                    title: "Demande incomplète",
                    happened: "La demande n’est pas arrivée entière dans le délai prévu.",
                    advice: "Rechargez la page. Si cela se répète, vérifiez la connexion de votre appareil au réseau.",
                },
                Wording {
                    title: "Incomplete request",
                    happened: "The request did not arrive whole in the time allowed.",
                    advice: "Reload the page. If it happens again, check your device’s connection to the network.",
                },
            ],
            Fault::UriTooLong => [
                Wording {
                    title: "Adresse trop longue",
                    happened: "L’adresse demandée dépasse la taille admise.",
                    advice: "Si vous avez suivi un lien ou envoyé un formulaire, le site lui-même est en cause\u{a0}: signalez-le-lui.",
                },
                Wording {
                    title: "Address too long",
                    happened: "The address asked for is longer than allowed.",
                    advice: "If you followed a link or sent a form, the site itself is at fault: please report it there.",
                },
            ],
            Fault::HeaderTooLarge => [
                Wording {
                    title: "Demande trop volumineuse",
                    happened: "L’adresse ou les en-têtes envoyés par le navigateur dépassent la taille admise.",
                    advice: "Effacez les cookies de ce site, puis rechargez la page.",
                },
                Wording {
                    title: "Request too large",
                    happened: "The address or the header fields sent by the browser are larger than allowed.",
                    advice: "Clear this site’s cookies, then reload the page.",
                },
            ],
            Fault::NotImplemented | Fault::ExpectationFailed | Fault::VersionNotSupported => [
                Wording {
                    title: "Fonction non prise en charge",
                    happened: "Le logiciel demande une fonction que la passerelle n’offre pas.",
                    advice: "Recharger la page n’y changera rien. Si vous en avez besoin, signalez-le.",
                },
                Wording {
                    title: "Not supported",
                    happened: "The software asks for something the gate does not offer.",
                    advice: "Reloading the page will not help. If you need it, please report it.",
                },
            ],
            Fault::AuthRequired => [
                Wording {
                    title: "Identification nécessaire",
                    happened: "L’accès à Internet depuis ce réseau demande de s’identifier, et aucun compte valable n’a été présenté.",
                    advice: "Rechargez la page, puis saisissez le nom et le mot de passe de votre compte.",
                },
                Wording {
                    title: "Sign-in needed",
                    happened: "Internet access from this network requires you to sign in, and no valid account was given.",
                    advice: "Reload the page, then enter the name and password of your account.",
                },
            ],
            Fault::PasswordDue { .. } => [
                Wording {
                    title: "Mot de passe à changer",
                    happened: "Votre mot de passe doit être changé avant que l’accès à Internet vous soit ouvert.",
                    advice: "Choisissez-en un nouveau à cette adresse\u{a0}:",
                },
                Wording {
                    title: "Password to be changed",
                    happened: "Your password has to be changed before internet access is open to you.",
                    advice: "Choose a new one at this address:",
                },
            ],
            Fault::ClientNotAllowed => [
                Wording {
                    title: "Appareil non desservi",
                    happened: "L’adresse de cet appareil ne fait pas partie de celles que la passerelle dessert.",
                    advice: "Vérifiez que l’appareil est bien connecté au réseau prévu pour lui.",
                },
                Wording {
                    title: "Device not served",
                    happened: "This device’s address is not among those the gate serves.",
                    advice: "Check that the device is connected to the network meant for it.",
                },
            ],
            Fault::NotAcknowledged => [
                Wording {
                    title: "Lecture non enregistrée",
                    happened: "Cette confirmation ne correspond à aucun avertissement qui vous a été adressé\u{202f}; rien n’a été noté.",
                    advice: "Ouvrez de nouveau le site que vous vouliez consulter\u{a0}: s’il y a lieu, l’avertissement s’affichera.",
                },
                Wording {
                    title: "Nothing was noted",
                    happened: "This confirmation belongs to no warning that was shown to you, and nothing was noted.",
                    advice: "Open the site you wanted to visit again: if there is a warning, it will be shown.",
                },
            ],
            Fault::PortNotAllowed => [
                Wording {
                    title: "Port non autorisé",
                    happened: "L’adresse demandée passe par un port que la passerelle n’ouvre pas.",
                    advice: "Vérifiez le nombre qui suit le deux-points dans l’adresse. S’il est juste, vous pouvez demander son ouverture.",
                },
                Wording {
                    title: "Port not allowed",
                    happened: "The address uses a port that the gate does not open.",
                    advice: "Check the number after the colon in the address. If it is right, you may ask for it to be opened.",
                },
            ],
            Fault::ForbiddenAddress => [
                Wording {
                    title: "Adresse réservée",
                    happened: "Cette demande mène à une adresse interne ou réservée, que la passerelle ne joint pas.",
                    advice: "S’il s’agit d’un service de votre organisation, demandez qu’il soit déclaré.",
                },
                Wording {
                    title: "Reserved address",
                    happened: "This request leads to an internal or reserved address, which the gate does not reach.",
                    advice: "If this is one of your organisation’s services, ask for it to be declared.",
                },
            ],
            Fault::NameNotFound => [
                Wording {
                    title: "Site introuvable",
                    happened: "Aucune adresse ne correspond à ce nom de site.",
                    advice: "Vérifiez l’orthographe de l’adresse.",
                },
                Wording {
                    title: "Site not found",
                    happened: "No address exists for this site’s name.",
                    advice: "Check the spelling of the address.",
                },
            ],
            Fault::NameTimeout => [
                Wording {
                    title: "Nom de site non résolu",
                    happened: "Le service qui donne l’adresse des sites (DNS) n’a pas répondu à temps.",
                    advice: "Réessayez dans un instant. Si d’autres sites sont touchés, signalez-le.",
                },
                Wording {
                    title: "Site name not resolved",
                    happened: "The service that gives the address of sites (DNS) did not answer in time.",
                    advice: "Try again in a moment. If other sites are affected, please report it.",
                },
            ],
            Fault::NoConnection | Fault::NoAnswer => [
                Wording {
                    title: "Le site ne répond pas",
                    happened: "Le site n’a pas répondu dans le délai prévu.",
                    advice: "Il est peut-être surchargé ou en panne\u{a0}: réessayez dans quelques minutes.",
                },
                Wording {
                    title: "The site is not answering",
                    happened: "The site did not answer in the time allowed.",
                    advice: "It may be overloaded or down: try again in a few minutes.",
                },
            ],
            Fault::ConnectionRefused | Fault::Unroutable | Fault::Unreachable | Fault::Terminated => [
                Wording {
                    title: "Site injoignable",
                    happened: "La connexion au site a été refusée ou interrompue.",
                    advice: "Il est peut-être en panne\u{a0}: réessayez dans quelques minutes.",
                },
                Wording {
                    title: "Site unreachable",
                    happened: "The connection to the site was refused or broken.",
                    advice: "It may be down: try again in a few minutes.",
                },
            ],
            Fault::Loop => [
                Wording {
                    title: "Demande revenue à la passerelle",
                    happened: "La demande est revenue à la passerelle qui l’avait transmise\u{202f}; elle aurait tourné sans fin.",
                    advice: "Ni votre appareil ni le site ne sont en cause\u{a0}: signalez-le, un réglage du réseau est à corriger.",
                },
                Wording {
                    title: "Request came back to the gate",
                    happened: "The request came back to the gate that had passed it on, and would have gone round for ever.",
                    advice: "Neither your device nor the site is at fault: please report it, a setting of the network has to be corrected.",
                },
            ],
            Fault::OriginBroke(_) => [
                Wording {
                    title: "Réponse inexploitable",
                    happened: "Le site a envoyé une réponse incomplète ou mal formée.",
                    advice: "Rechargez la page. Si cela se répète, le site lui-même est en cause.",
                },
                Wording {
                    title: "Unusable answer",
                    happened: "The site sent an answer that is incomplete or malformed.",
                    advice: "Reload the page. If it happens again, the site itself is at fault.",
                },
            ],
            Fault::ParentUnreachable => [
                Wording {
                    title: "Accès à Internet interrompu",
                    happened: "Le proxy par lequel la passerelle accède à Internet n’est pas joignable.",
                    advice: "Ni votre appareil ni le site ne sont en cause. Réessayez dans quelques minutes\u{202f}; si cela dure, signalez-le.",
                },
                Wording {
                    title: "Internet access interrupted",
                    happened: "The proxy through which the gate reaches the Internet cannot be reached.",
                    advice: "Neither your device nor the site is at fault. Try again in a few minutes; if it lasts, please report it.",
                },
            ],
            Fault::ParentDenied => [
                Wording {
                    title: "Accès à Internet refusé à la passerelle",
                    happened: "Le proxy par lequel la passerelle accède à Internet ne reconnaît pas la passerelle.",
                    advice: "Votre compte n’est pas en cause, et recharger la page n’y changera rien\u{a0}: signalez-le.",
                },
                Wording {
                    title: "Internet access denied to the gate",
                    happened: "The proxy through which the gate reaches the Internet does not recognise the gate.",
                    advice: "Your account is not at fault, and reloading the page will not help: please report it.",
                },
            ],
            Fault::ParentRefused => [
                Wording {
                    title: "Connexion non ouverte",
                    happened: "Le proxy par lequel la passerelle accède à Internet n’a pas ouvert la connexion à ce site.",
                    advice: "Le site est peut-être en panne\u{a0}: réessayez dans quelques minutes. Si d’autres sites fonctionnent et celui-ci jamais, signalez-le.",
                },
                Wording {
                    title: "Connection not opened",
                    happened: "The proxy through which the gate reaches the Internet did not open the connection to this site.",
                    advice: "The site may be down: try again in a few minutes. If other sites work and this one never does, please report it.",
                },
            ],
            Fault::TooBusy => [
                Wording {
                    title: "Passerelle très sollicitée",
                    happened: "Trop de connexions sont ouvertes en ce moment\u{202f}; la demande n’a pas été transmise.",
                    advice: "Réessayez dans un instant.",
                },
                Wording {
                    title: "Gate busy",
                    happened: "Too many connections are open at the moment; the request was not forwarded.",
                    advice: "Try again in a moment.",
                },
            ],
            Fault::RegisterClosed => [
                Wording {
                    title: "Accès à Internet suspendu",
                    happened: "La passerelle ne parvient plus à tenir le registre des connexions\u{202f}; elle reste fermée tant qu’il en est ainsi.",
                    advice: "Ni votre appareil ni le site ne sont en cause. L’accès reviendra de lui-même\u{202f}; si cela dure, signalez-le.",
                },
                Wording {
                    title: "Internet access suspended",
                    happened: "The gate can no longer keep the register of connections, and stays shut until it can.",
                    advice: "Neither your device nor the site is at fault. Access will come back by itself; if it does not, please report it.",
                },
            ],
            Fault::DirectoryAway => [
                Wording {
                    title: "Identification impossible pour l’instant",
                    happened: "La passerelle ne parvient pas à joindre l’annuaire qui dit qui vous êtes\u{202f}; elle ne laisse donc rien passer.",
                    advice: "Votre mot de passe n’est pas en cause\u{a0}: ne le changez pas. Réessayez dans quelques instants\u{202f}; si cela dure, signalez-le.",
                },
                Wording {
                    title: "You cannot be identified at the moment",
                    happened: "The gate cannot reach the directory that says who you are, so it lets nothing through.",
                    advice: "Your password is not at fault: do not change it. Try again in a moment; if it lasts, please report it.",
                },
            ],
        }
    }
}
