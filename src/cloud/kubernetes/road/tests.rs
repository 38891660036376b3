use tokio::net::TcpListener;

use super::*;

fn road(host: &str, proxy: Option<&str>, except: Option<&str>) -> String {
    let endpoint = format!("https://{host}").parse().expect("an address");
    Road::by(&endpoint, proxy, except).map_or_else(|failure| failure.to_string(), |road| format!("{road:?}"))
}

#[test]
fn a_proxy_is_used_where_no_exception_is_made() {
    let eks = "ABC.gr7.us-east-1.eks.amazonaws.com";
    let proxy = Some("http://proxy.corp:3128");
    assert_eq!(road(eks, None, None), "Direct");
    assert_eq!(road(eks, proxy, None), "Proxy(proxy.corp:3128)");
    assert_eq!(road(eks, Some("proxy.corp"), None), "Proxy(proxy.corp:80)");
    assert_eq!(road(eks, proxy, Some("10.0.0.0/8, .eks.amazonaws.com")), "Direct");
    assert_eq!(road(eks, proxy, Some("amazonaws.com")), "Direct");
    assert_eq!(road(eks, proxy, Some("zonaws.com")), "Proxy(proxy.corp:3128)");
    assert_eq!(road(eks, proxy, Some("*")), "Direct");
    assert_eq!(road("10.0.5.7", proxy, Some("10.0.0.0/8")), "Direct");
    assert_eq!(road("11.0.5.7", proxy, Some("10.0.0.0/8")), "Proxy(proxy.corp:3128)");
}

#[test]
fn loopback_is_always_direct() {
    for host in ["127.0.0.1:8443", "localhost:1", "[::1]:443"] {
        assert_eq!(road(host, Some("http://proxy.corp:3128"), None), "Direct", "{host}");
    }
}

#[test]
fn a_proxy_of_another_kind_is_refused() {
    let said = road("example.com", Some("socks5://proxy.corp:1080"), None);
    assert!(said.contains("http://") && said.contains("NO_PROXY"), "{said}");
}

#[tokio::test]
async fn a_proxy_is_asked_to_connect_with_its_login() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut head = vec![0; 1024];
        let length = stream.read(&mut head).await.expect("a request");
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\nT").await.expect("answered");
        String::from_utf8_lossy(&head[..length]).into_owned()
    });
    let proxy: Uri = format!("http://me:a%40b@127.0.0.1:{port}").parse().expect("an address");
    let road = Road::proxy(&proxy).expect("a proxy");
    assert!(!format!("{road:?}").contains("a%40b"));
    let mut stream = road.connect("eks.example", 443).await.expect("connected");
    assert_eq!(stream.read_u8().await.expect("the first byte of TLS"), b'T');
    let asked = server.await.expect("served");
    assert!(asked.starts_with("CONNECT eks.example:443 HTTP/1.1\r\nHost: eks.example:443\r\n"), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic bWU6YUBi\r\n"), "{asked}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_quoted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    });
    let road = Road::proxy(&format!("http://127.0.0.1:{port}").parse().expect("an address")).expect("a proxy");
    let mut connector = Connector::new(road, Duration::from_secs(5));
    let refused = connector.call("https://eks.example".parse().expect("an address")).await.expect_err("refused");
    let said = refused.to_string();
    assert!(said.contains("eks.example:443") && said.contains("407 Proxy Authentication Required"), "{said}");
}
