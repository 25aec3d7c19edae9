// What makes this site its own. The object is plain JSON after `module.exports =`, so that any program can read it.
// Written by wt-install from site.toml; an edit is noticed and kept. The license lies beside this file.
module.exports = {
  "release": { "product": {{ release.product | tojson }}, "version": {{ release.version | tojson }} },
  "address": {{ site.address | tojson }},
  "domains": {
    "web": {{ site.domains.web | tojson }},
    "box": {{ site.domains.box | tojson }},
    "hook": {{ site.domains.hook | tojson }},
    "im": {{ site.domains.im | tojson }}
  },
  "companyDomain": {{ site.company_domain | tojson }},
  "administrator": {
    "mail": {{ administrator.mail | tojson }},
    "username": {{ administrator.username | tojson }},
    "name": {{ administrator.name | tojson }}
  },
{%- if smtp is defined %}
  "smtp": { "host": {{ smtp.host | tojson }}, "port": {{ smtp.port | tojson }}, "user": {{ smtp.user | tojson }} },
{%- endif %}
  "redis": { "host": "redis", "port": 6379 }
};
