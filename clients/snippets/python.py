import uuid

import httpx

url = "{endpoint}/v1/events"
headers = {"Authorization": "Bearer {token}"}
call = {"endpoint": "api.stripe.com/v1/charges", "method": "POST", "status": 200, "correlation_id": str(uuid.uuid4())}
print(httpx.post(url, headers=headers, json=call).raise_for_status().json())
