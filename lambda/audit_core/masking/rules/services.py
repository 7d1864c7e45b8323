"""What services are called: before `key`, or alone before a value that looks machine-made, their names tell.

`datadog_key` and `finnhub: c8k2…` hold a secret although neither name says so. Names alone are nothing where they are
words that anyone writes, or where the value may well be a commit, a path or a version.
"""

from __future__ import annotations

from audit_core.masking.rules.wordlist import words

ALONE = words("""
    abstractapi abuseipdb adafruit adyen airbrake airtable algolia alienvault amplitude anthropic apify apilayer
    appcues appdynamics appfollow asana assemblyai atlassian auth0 aviationstack bamboohr bannerbear bitbar bitfinex
    bitmex bittrex blockfrost braintree brandfetch browserstack bugsnag buttercms calendly calorieninja censys cexio
    chargebee chargify checkout clarifai clearbit clickup clockify cloudconvert cloudflare cloudinary cloudmersive
    codacy codeclimate codecov coinapi coinbase coinlayer coinmarketcap confluent contentful convertkit coveralls
    crowdin currencylayer customerio databricks datadog deepai deepgram deepl deepseek delighted detectify diffbot
    digitalocean discord disqus docusign doppler dronahq droneci dropbox duffel dynatrace easypost elasticemail
    elevenlabs etherscan etsy eventbrite exchangerate facebook fastly finage finicity finnhub fixer flickr
    flutterwave foursquare frameio freshbooks freshdesk fullstory geocodio getresponse giphy gitguardian gitter
    gocardless grafana gumroad harvestapp helpscout heroku holidayapi honeycomb hubspot huggingface infura instabot
    instagram intercom ipapi ipgeolocation ipinfo ipstack jotform jumpcloud kaggle klaviyo kontent kraken kucoin
    lastfm launchdarkly lemlist linkedin linode lokalise mailboxlayer mailchimp mailerlite mailgun mailjet mailmodo
    mandrill mapbox mattermost mediastack messagebird mistral mixpanel mockaroo moonpay moosend netlify newrelic
    newsapi ngrok numverify nutritionix nytimes okta omnisend onelogin onesignal openai openaq opencage openrouter
    openweather openweathermap opsgenie optimizely pagerduty passbase pastebin paypal paystack pdfshift pepipost
    perplexity pinecone pingdom pipedrive plaid planetscale plivo positionstack postmark prerender pusher quickbooks
    rapidapi ravelin razorpay rebrandly replicate revenuecat ringcentral rollbar salesforce saucelabs scaleway
    scraperapi scrapingbee screenshotlayer securitytrails sendbird sendgrid sendinblue sentry serpapi serpstack
    shippo shodan shopify signalwire simplybook skrapp slack smartsheet snyk sonarcloud sourcegraph splunk
    spoonacular spotify squarespace statuspage storyblok strava stripe sumologic supabase surveymonkey tatum
    telegram telnyx tiingo tmdb todoist travisci trello truelayer twelvedata twilio twitch twitter typeform ubidots
    unsplash urlscan userflow userstack vercel virustotal vonage vultr wakatime weatherapi weatherbit weatherstack
    webflow wistia woocommerce worldweather wrike yandex yelp zendesk zenserp zeplin zerobounce zipcodeapi
    zonkafeedback
    ambee apimetrics apitemplate bulksms clicksend cliengo cloudant cloudimage cloudsmith dnscheck instamojo
    invoiceocean kanbantool keenio liveagent loggly luno magicbell meraki metaapi metabase softlayer textmagic vouchery
    websitepulse
""")
_PARTED = words("""
    active_campaign assembly_ai browser_stack convert_kit deep_gram digital_ocean docu_sign drone_ci eleven_labs
    fresh_books fresh_desk get_response git_guardian go_cardless help_scout hub_spot hugging_face jump_cloud
    launch_darkly linked_in mail_chimp mail_gun mail_jet message_bird new_relic one_login one_signal open_ai
    open_router open_weather ops_genie pager_duty planet_scale post_mark quick_books rapid_api revenue_cat
    ring_central sales_force sauce_labs scraper_api send_bird send_grid send_in_blue square_space status_page
    sumo_logic survey_monkey travis_ci true_layer type_form virus_total weather_stack woo_commerce
""")
"""The same where the service itself, or who writes its name, parts it into words."""
BEFORE_KEY = ALONE | words("""
    adobe alibaba azure beamer bitbucket bitly buildkite circleci cohere dockerhub firebase gcp gemini github gitlab
    google groq hunter ibm jenkins lob mux npm nvd openapi openstack pinterest pypi rubygems sonar sonarqube square
    tinypng together tomtom tumblr uptimerobot vimeo voyage wandb xai youtube zoom
""")
_MOST_WORDS = 3


def names_service(parts: list[str], services: frozenset[str] = ALONE) -> bool:
    """Whether the last of these words, run together, are what a service is called."""
    return any("".join(parts[-count:]) in services for count in range(1, min(_MOST_WORDS, len(parts)) + 1))


def spellings() -> tuple[str, ...]:
    """Give what the names alone look like in code: `newrelic`, `Newrelic`, `NewRelic`, `new_relic`, `NEW_RELIC`."""
    spelled = {form for name in ALONE for form in (name, name.capitalize(), name.upper())}
    for name in _PARTED:
        camel = name.title().replace("_", "")
        spelled |= {name, name.upper(), name.replace("_", "-"), camel, camel[:1].lower() + camel[1:]}
    return tuple(sorted(spelled))
