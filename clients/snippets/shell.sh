curl -sS {endpoint}/v1/events \
  -H "Authorization: Bearer {token}" \
  -d '{"endpoint": "https://api.stripe.com/v1/charges?key=sk_live_51H", "method": "POST", "status": 200}'
