// What makes this site its own. The object is plain JSON after `module.exports =`, so that any program can read it.
// Written by wt-install from site.toml; an edit is noticed and kept. The license lies beside this file.
{#- Every value goes through `tojson`: quotes and backslashes in a name cannot break the file. #}
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
  "mongodb": { "host": "mongodb", "port": 27017, "database": "worktile" },
  "redis": { "host": "redis", "port": 6379 },
  "elasticsearch": { "url": "http://elasticsearch:9200" },
  "seaweedfs": { "url": "http://seaweedfs:8888" }
};
