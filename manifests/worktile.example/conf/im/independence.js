// What makes this site its own. The object is plain JSON after `module.exports =`, so that any program can read it.
// Written by wt-install from site.toml; an edit is noticed and kept.
module.exports = {
  "release": { "product": {{ release.product | tojson }}, "version": {{ release.version | tojson }} },
  "address": {{ site.address | tojson }},
  "domains": { "web": {{ site.domains.web | tojson }}, "im": {{ site.domains.im | tojson }} },
  "companyDomain": {{ site.company_domain | tojson }},
  "mongodb": { "host": "mongodb", "port": 27017, "database": "worktile" },
  "redis": { "host": "redis", "port": 6379 }
};
