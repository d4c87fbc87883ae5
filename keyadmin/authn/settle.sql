SELECT outcome, used, wait FROM meter_settle(%(key)s, %(version)s, %(organisation)s, %(organisation_version)s,
    %(catalogue_version)s, %(expiry)s, %(limit)s, %(cost)s, %(address)s)
