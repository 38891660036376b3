use super::*;

#[test]
fn names_and_paths_are_told_apart() {
    let root = Path::new("/repo");
    let name = argument("prod", root).unwrap();
    assert_eq!((name.shown.as_str(), name.file.as_str()), ("", "environments/prod.yaml"));
    assert_eq!(name.folder, Path::new("/repo"));
    let path = argument("other/dev.yml", root).unwrap();
    assert_eq!((path.shown.as_str(), path.file.as_str()), ("", "other/dev.yml"));
    let far = argument("../x/dev.yml", root).unwrap();
    assert_eq!((far.shown.as_str(), far.file.as_str()), ("../x/", "dev.yml"));
    assert_eq!(far.folder, Path::new("/repo/../x"));
    assert_eq!(argument("other/dev.json", root).unwrap_err().code, code::FILE_NOT_FOUND);
    assert_eq!(argument("", root).unwrap_err().code, code::FILE_NOT_FOUND);
}

#[test]
fn extends_stays_beneath_the_folder() {
    assert_eq!(beside("prod.yaml", "base.yaml").unwrap(), "base.yaml");
    assert_eq!(beside("a/prod.yaml", "./b/base.yml").unwrap(), "a/b/base.yml");
    for bad in ["../base.yaml", "/etc/x.yaml", "a/../../x.yaml", ".git/config", ".git/x.yaml", "base", "a\\b.yaml", ""]
    {
        assert_eq!(beside("prod.yaml", bad).unwrap_err().code, code::UNSAFE_EXTENDS, "{bad}");
    }
}

#[test]
fn links_pipes_and_big_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("real.yaml"), "name: x\n").unwrap();
    std::os::unix::fs::symlink("real.yaml", root.join("link.yaml")).unwrap();
    std::fs::create_dir(root.join("sub")).unwrap();
    std::fs::write(root.join("sub/real.yaml"), "name: y\n").unwrap();
    std::os::unix::fs::symlink("sub", root.join("door")).unwrap();
    std::fs::create_dir(root.join("dir.yaml")).unwrap();
    std::fs::write(root.join("big.yaml"), vec![b'#'; 2 * 1024 * 1024]).unwrap();
    let disk = Disk::new(root);
    assert_eq!(disk.read("real.yaml").unwrap(), b"name: x\n");
    assert_eq!(disk.read("sub/real.yaml").unwrap(), b"name: y\n");
    assert_eq!(disk.read("link.yaml").unwrap_err().code, code::UNSAFE_FILE);
    assert_eq!(disk.read("door/real.yaml").unwrap_err().code, code::UNSAFE_FILE);
    assert_eq!(disk.read("dir.yaml").unwrap_err().code, code::UNSAFE_FILE);
    assert_eq!(disk.read("big.yaml").unwrap_err().code, code::FILE_TOO_BIG);
    assert_eq!(disk.read("none.yaml").unwrap_err().code, code::FILE_NOT_FOUND);
}
