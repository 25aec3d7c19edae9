//! The page that people see.

use crate::license::{MODULES, Standing};
use crate::settings::Settings;

pub fn front(settings: &Settings, standing: &Standing) -> String {
    let product = escape(&settings.product);
    let version = escape(&settings.version);
    let licensed = if standing.licensed { "Licensed" } else { "Not licensed" };
    let words = escape(&standing.words);
    let banner = standing.banner.as_deref().map(escape);
    let banner =
        banner.map_or_else(String::new, |text| format!("<p class=\"banner\" role=\"alert\">{text}</p>\n"));
    let days = standing.days_left.map_or_else(String::new, |days| format!("<p>Days left: {days}</p>\n"));
    let module = |name: &&str| {
        if standing.modules.contains(name) {
            format!("  <li><a href=\"/{name}\">{name}</a>\n")
        } else {
            format!("  <li>{name}: switched off\n")
        }
    };
    let modules: String = MODULES.iter().map(module).collect();
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{product}</title>
<style>
  body {{ font: 16px/1.5 sans-serif; max-width: 32em; margin: 4em auto; padding: 0 1em }}
  .license {{ border-left: 4px solid; padding-left: 1em; white-space: pre-wrap }}
  .banner {{ background: #fe9; padding: .5em 1em }}
  label {{ display: block; margin: .5em 0 }}
</style>
{banner}<h1>{product} {version}</h1>
<div class="license"><strong>{licensed}</strong>
{words}</div>
{days}<ul>
{modules}</ul>
<h2>Log in</h2>
<form id="login">
  <label>User <input name="user" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>
</form>
<p id="answer"></p>
<script>
  const form = document.getElementById("login"), answer = document.getElementById("answer");
  form.onsubmit = async (event) => {{
    event.preventDefault();
    const body = JSON.stringify(Object.fromEntries(new FormData(form)));
    const response = await fetch("/api/login", {{ method: "POST", body }});
    const {{ token, error }} = await response.json();
    if (!token) {{ answer.textContent = error; return; }}
    const me = await (await fetch("/api/me", {{ headers: {{ authorization: "Bearer " + token }} }})).json();
    answer.textContent = "Hello, " + me.name + ".";
  }};
</script>
</html>
"#
    )
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_a_license_cannot_become_markup() {
        assert_eq!(escape("<b a='1' c=\"&\">"), "&lt;b a=&#39;1&#39; c=&quot;&amp;&quot;&gt;");
    }
}
