//! The address that this machine has on the internet.

use std::net::Ipv4Addr;

use super::{env, web};
use crate::engine::Failure;

/// Amazon's own address echo; it answers with an address and a line feed.
const ECHO: &str = "https://checkip.amazonaws.com/";

/// Says what the echo would, where there is no way to ask it or its answer is another proxy's.
pub const VARIABLE: &str = "REM_CI_PUBLIC_ADDRESS";

/// Where the address is from.
#[derive(Clone, Copy, Debug)]
pub enum Own {
    /// The variable, else the echo.
    Asked,
    /// Given: the simulated region's.
    Given(Ipv4Addr),
}

impl Own {
    /// The address.
    ///
    /// # Errors
    /// If the answer is not one public unicast address of IPv4: what it opens must be this machine and nothing else.
    pub async fn address(self) -> Result<Ipv4Addr, Failure> {
        match self {
            Self::Given(address) => Ok(address),
            Self::Asked => {
                if let Some(text) = env(VARIABLE).filter(|text| !text.is_empty()) {
                    public(&text).map_err(|why| Failure::fatal("address", format!("{VARIABLE}: {why}")))
                } else {
                    let page = web::get("address", ECHO, &http::HeaderMap::new(), 256).await?;
                    let text = String::from_utf8_lossy(&page.body).into_owned();
                    public(&text).map_err(|why| {
                        Failure::fatal("address", format!("{ECHO}: {why}; set {VARIABLE} if you know better"))
                    })
                }
            }
        }
    }
}

/// One public unicast address of IPv4, and nothing else: no range, no name, no second line. By IANA's registry of
/// special-purpose addresses (RFC 6890).
fn public(text: &str) -> Result<Ipv4Addr, String> {
    let text = text.trim();
    let shown: String = text.chars().filter(|letter| !letter.is_control()).take(60).collect();
    let address: Ipv4Addr = text.parse().map_err(|_| format!("{shown:?} is not one IPv4 address"))?;
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b));
    if special { Err(format!("{address} is not a public address")) } else { Ok(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_public_address_will_do() {
        assert_eq!(public("52.94.133.131\n"), Ok(Ipv4Addr::new(52, 94, 133, 131)));
        let bogus = [
            "0.0.0.0",
            "0.0.0.0/0",
            "52.94.133.131/24",
            "52.94.133.131/32",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.8",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "2600:1f18::1",
            "::ffff:52.94.133.131",
            "",
            "host.example",
            "52.94.133.131\n1.1.1.1",
            "52.94.133.131, 1.1.1.1",
            "<html>",
            "052.94.133.131",
        ];
        for text in bogus {
            assert!(public(text).is_err(), "{text}");
        }
    }
}
