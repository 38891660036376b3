use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::*;

/// One entry of a hand-made archive.
pub(crate) enum Part<'a> {
    File(&'a str, &'a str),
    Link(&'a str, &'a str),
}

/// A `.tgz` of these; paths are written as they are, however bad.
pub(crate) fn tgz(parts: &[Part<'_>]) -> Vec<u8> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for part in parts {
        let (path, kind, content, link) = match part {
            Part::File(path, content) => (path, EntryType::Regular, *content, ""),
            Part::Link(path, to) => (path, EntryType::Symlink, "", *to),
        };
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content.as_bytes()).expect("an entry");
    }
    tar.into_inner().expect("a tar").finish().expect("a gzip")
}

const ABOUT: &str = "apiVersion: v2\nname: tiny\nversion: 1.2.3\n";
const CRD: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: NAME}\n";

fn refused(parts: &[Part<'_>]) -> String {
    read(&tgz(parts)).expect_err("refused").message
}

#[test]
fn definitions_are_read_in_the_order_of_their_names() {
    let two = format!("---\n{}---\n{}", CRD.replace("NAME", "b"), CRD.replace("NAME", "c"));
    let bytes = tgz(&[
        Part::File("tiny/Chart.yaml", ABOUT),
        Part::File("tiny/crds/2.yaml", &two),
        Part::File("tiny/crds/1.yaml", &CRD.replace("NAME", "a")),
        Part::File("tiny/templates/deployment.yaml", "{{ not: yaml"),
    ]);
    let archive = read(&bytes).expect("a chart");
    let names: Vec<_> = archive.crds.iter().map(|crd| crd["metadata"]["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["a", "b", "c"]);
    archive.is("1.2.3").expect("the version");
    let other = archive.is("1.2.4").expect_err("another").message;
    assert!(other.contains("1.2.3") && other.contains("rem-ci pin"), "{other}");
}

#[test]
fn what_leads_out_of_a_chart_is_refused() {
    for path in ["../etc/passwd", "/etc/passwd", "tiny/../../etc/passwd", "tiny/crds/../../x.yaml"] {
        let said = refused(&[Part::File("tiny/Chart.yaml", ABOUT), Part::File(path, "x: y")]);
        assert!(said.contains("leads out of the chart"), "{path}: {said}");
    }
    let said = refused(&[Part::File("tiny/Chart.yaml", ABOUT), Part::Link("tiny/crds/x.yaml", "/etc/passwd")]);
    assert!(said.contains("neither a file nor a folder"), "{said}");
}

#[test]
fn what_is_no_chart_is_refused() {
    assert!(refused(&[Part::File("tiny/values.yaml", "a: b")]).contains("no Chart.yaml"));
    let pod = [Part::File("tiny/Chart.yaml", ABOUT), Part::File("tiny/crds/pod.yaml", "apiVersion: v1\nkind: Pod\n")];
    assert!(refused(&pod).contains("no CustomResourceDefinition"));
    assert!(read(b"not a gzip").is_err());
    let mut cut = tgz(&[Part::File("tiny/Chart.yaml", ABOUT)]);
    cut.truncate(cut.len() / 2);
    assert!(read(&cut).is_err());
}

#[test]
fn a_bomb_does_not_go_off() {
    let zeros = vec![0_u8; 1 << 20];
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = Header::new_ustar();
    header.set_path("tiny/crds/big.yaml").expect("a path");
    header.set_size(LARGEST + 1);
    header.set_cksum();
    packed.write_all(header.as_bytes()).expect("a header");
    for _ in 0..=64 {
        packed.write_all(&zeros).expect("zeros");
    }
    let bytes = packed.finish().expect("a gzip");
    assert!(bytes.len() < 1 << 20);
    assert!(read(&bytes).expect_err("a bomb").message.contains("too much"));
}
