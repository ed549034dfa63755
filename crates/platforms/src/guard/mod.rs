//! Which addresses a URL that a customer gave may lead to: public ones, and those that the operator
//! allows. The address that was looked at is the one that is connected to, so that a name which
//! changes its mind in between gains nothing.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Decides where customers' URLs may lead. Clones share one set of rules.
#[derive(Clone)]
pub struct Guard(Arc<Rules>);

struct Rules {
    allowed: Allowed,
    ports: Ports,
    schemes: Schemes,
    lookup: Lookup,
}

/// How a name becomes addresses.
type Lookup = Box<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// What may be reached although it is not public: address ranges and names, separated by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    ranges: Vec<IpNet>,
    hosts: Vec<String>,
}

/// Which ports may be reached: numbers and ranges, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

/// Which schemes a URL may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schemes {
    /// `https` alone.
    Https,
    /// `https` and `http`.
    Both,
}

/// Why a URL is not followed. The text names what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no URL, or one of something else than the web.
    #[error("must be {} URL", .0.article())]
    Scheme(Schemes),
    /// It carries a name and a password.
    #[error("must not carry user info")]
    UserInfo,
    /// The port is not one of those allowed.
    #[error("leads to port {0}, which the setting outbound.ports does not allow")]
    Port(u16),
    /// The address is not a public one.
    #[error("leads to {address}, {kind}; the setting outbound.allow can open it")]
    Address {
        /// Where it leads.
        address: IpAddr,
        /// What that is.
        kind: &'static str,
    },
}

impl Schemes {
    fn article(self) -> &'static str {
        match self {
            Self::Https => "an https",
            Self::Both => "an http or https",
        }
    }
}

impl Guard {
    /// Makes a guard that asks the system for the addresses of names.
    #[must_use]
    pub fn new(allowed: Allowed, ports: Ports, schemes: Schemes) -> Self {
        Self::with_lookup(allowed, ports, schemes, Box::new(|name| system_lookup(name).boxed()))
    }

    fn with_lookup(allowed: Allowed, ports: Ports, schemes: Schemes, lookup: Lookup) -> Self {
        Self(Arc::new(Rules { allowed, ports, schemes, lookup }))
    }

    /// Looks at all that can be seen without asking for the addresses of a name.
    ///
    /// # Errors
    /// When the URL is of a form, port or address that is not followed.
    pub fn check(&self, url: &Url) -> Result<(), Refusal> {
        let is_scheme = match self.0.schemes {
            Schemes::Https => url.scheme() == "https",
            Schemes::Both => matches!(url.scheme(), "https" | "http"),
        };
        let Some(host) = url.host().filter(|_| is_scheme) else {
            return Err(Refusal::Scheme(self.0.schemes));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::UserInfo);
        }
        let port = url.port_or_known_default().unwrap_or_default();
        if !self.0.ports.has(port) {
            return Err(Refusal::Port(port));
        }
        match host {
            // Asked for when the connection is made, and looked at then.
            Host::Domain(_) => Ok(()),
            Host::Ipv4(address) => self.check_address(address.into()),
            Host::Ipv6(address) => self.check_address(address.into()),
        }
    }

    fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        match private_kind(address) {
            Some(kind) if !self.0.allowed.has_address(address) => {
                Err(Refusal::Address { address, kind })
            }
            _ => Ok(()),
        }
    }

    /// Asks for a name's addresses and leaves those that may be connected to.
    async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Box<dyn Error + Send + Sync>> {
        let found = (self.0.lookup)(name.to_owned()).await?;
        if self.0.allowed.has_host(name) {
            return Ok(found);
        }
        let mut refused = None;
        let mut good = Vec::new();
        for address in found {
            match self.check_address(address) {
                Ok(()) => good.push(address),
                Err(refusal) => refused = Some(refusal),
            }
        }
        match refused {
            Some(refusal) if good.is_empty() => Err(refusal.into()),
            _ => Ok(good),
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.0.allowed).finish()
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let addresses = guard.addresses(name.as_str()).await?;
            // The port is that of the URL, which was looked at before.
            let sockets = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

async fn system_lookup(name: String) -> io::Result<Vec<IpAddr>> {
    let sockets = tokio::net::lookup_host((name, 0)).await?;
    Ok(sockets.map(|socket| socket.ip()).collect())
}

impl Allowed {
    fn has_address(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }

    fn has_host(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.');
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name))
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        for entry in entries(text) {
            if let Ok(range) = entry.parse::<IpNet>() {
                allowed.ranges.push(range);
            } else if let Ok(address) = entry.parse::<IpAddr>() {
                allowed.ranges.push(address.into());
            } else if let Ok(Host::Domain(host)) = Host::parse(entry) {
                allowed.hosts.push(host.trim_end_matches('.').to_owned());
            } else {
                return Err(format!(
                    "{entry:?} is neither a range such as 10.1.0.0/16, nor an address, nor a name"
                ));
            }
        }
        Ok(allowed)
    }
}

impl Ports {
    fn has(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = |entry: &str| {
            let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some(first..=last)
        };
        let ranges: Option<Vec<_>> = entries(text).map(range).collect();
        ranges
            .filter(|ranges| !ranges.is_empty())
            .map(Self)
            .ok_or_else(|| "must list ports and ranges, such as 443, 8000-8999".to_owned())
    }
}

impl FromStr for Schemes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut entries: Vec<_> = entries(text).collect();
        entries.sort_unstable();
        match entries[..] {
            ["https"] => Ok(Self::Https),
            ["http", "https"] => Ok(Self::Both),
            _ => Err("must be \"https\" or \"https, http\"".to_owned()),
        }
    }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}

/// Names what an address is that the public network does not lead to, by the registries of special
/// addresses (<https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, read 2026-11-24).
fn private_kind(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            V4.iter().find(|(range, _)| range.contains(&address)).map(|(_, kind)| *kind)
        }
        IpAddr::V6(address) => {
            let special = V6.iter().find(|(range, _)| range.contains(&address));
            match special {
                Some((_, kind)) => Some(kind),
                // What nobody has assigned leads nowhere good.
                None if !GLOBAL.contains(&address) => Some("not an address of the public network"),
                None => None,
            }
        }
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(a: u16, b: u16, bits: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

const V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "an address of this machine"),
    (v4(10, 0, 0, 0, 8), "a private address"),
    (v4(100, 64, 0, 0, 10), "an address inside a provider's network"),
    (v4(127, 0, 0, 0, 8), "a loopback address"),
    (v4(169, 254, 0, 0, 16), "a link-local address, where clouds keep their metadata"),
    (v4(172, 16, 0, 0, 12), "a private address"),
    (v4(192, 0, 0, 0, 24), "a reserved address"),
    (v4(192, 0, 2, 0, 24), "an address for examples"),
    (v4(192, 88, 99, 0, 24), "an address of a relay to IPv6"),
    (v4(192, 168, 0, 0, 16), "a private address"),
    (v4(198, 18, 0, 0, 15), "an address for measurements"),
    (v4(198, 51, 100, 0, 24), "an address for examples"),
    (v4(203, 0, 113, 0, 24), "an address for examples"),
    // The address of Azure's platform is a public one and leads to the machine's own host.
    (v4(168, 63, 129, 16, 32), "an address of a cloud's platform"),
    (v4(224, 0, 0, 0, 4), "a multicast address"),
    (v4(240, 0, 0, 0, 4), "a reserved or broadcast address"),
];

/// All of IPv6 that is assigned to the public network.
const GLOBAL: Ipv6Net = v6(0x2000, 0, 3);

const V6: &[(Ipv6Net, &str)] = &[
    (Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "a loopback address"),
    (Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), "an address of this machine"),
    (
        Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
        "an IPv4 address in disguise",
    ),
    (v6(0, 0, 96), "an IPv4 address in disguise"),
    (v6(0x64, 0xff9b, 32), "an IPv4 address in disguise (NAT64)"),
    (v6(0x2002, 0, 16), "an IPv4 address in disguise (6to4)"),
    (v6(0x2001, 0, 32), "an IPv4 address in disguise (Teredo)"),
    (v6(0x2001, 0, 23), "a reserved address"),
    (v6(0x2001, 0xdb8, 32), "an address for examples"),
    (v6(0x3fff, 0, 20), "an address for examples"),
    (v6(0xfc00, 0, 7), "a private address"),
    (v6(0xfe80, 0, 10), "a link-local address"),
    (v6(0xfec0, 0, 10), "a private address"),
    (v6(0xff00, 0, 8), "a multicast address"),
];

#[cfg(test)]
mod tests;
