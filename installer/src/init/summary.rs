use std::fmt;

use crate::SiteFile;

/// What a site file says, without its passwords.
#[derive(Debug)]
pub struct Summary<'a>(pub &'a SiteFile);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.0;
        let mut line = |what: &str, said: &dyn fmt::Display| writeln!(f, "  {what:<16} {said}");
        line("company domain", &site.company_domain)?;
        for node in &site.nodes {
            let roles: Vec<&str> = node.roles.iter().map(|role| role.as_str()).collect();
            line("node", &format_args!("{}, {}, for {}", node.name, node.address, roles.join(", ")))?;
        }
        for (name, domain) in &site.domains {
            line(name, domain)?;
        }
        match &site.certificate {
            Some(files) => {
                line("certificate", &format_args!("{} and {}", files.file.display(), files.key.display()))?;
            }
            None => line("certificate", &"none: plain HTTP")?,
        }
        line("data", &site.data_root.display())?;
        if let Some(home) = &site.home {
            line("product", &home.display())?;
        }
        let administrator = &site.administrator;
        line(
            "administrator",
            &format_args!("{}, {}, {}", administrator.name, administrator.username, administrator.mail),
        )?;
        match &site.smtp {
            Some(smtp) => line(
                "mail",
                &format_args!("{} at {}:{}, {}", smtp.user, smtp.host, smtp.port, smtp.security()),
            )?,
            None => line("mail", &"none")?,
        }
        Ok(())
    }
}
