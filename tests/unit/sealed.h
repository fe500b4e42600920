/* A message that dkimpy sealed twice (ARC), by one key that both domains publish; for tests. */
#ifndef TESTS_SEALED_H
#define TESTS_SEALED_H

#define SEALED_RECORD "v=DKIM1; p=" \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDfAX5S0fLaQDJOr+7ZojumzHPqS38Zn+KzcNzSiamN9ri4f5upkAnpzcg5QPUmZTFcCJZbAS" \
	"IJ/VcwC0GHYqZeoJ0aMK/meaIxW3NPmwSN+7LXDdfYBy5k5BlVFz6r37u5xXtcrZvDSVctgBy8U/uXGT0xuyG6TXLV11e51oegCwIDAQAB"
#define SEALED_NAMES  "r1024._domainkey.example.test", "r1024._domainkey.b.test"
#define SEALED_MESSAGE \
	"ARC-Seal: i=2; cv=pass; a=rsa-sha256; d=b.test; s=r1024; t=1795980831;\r\n" \
	" b=WQz18M5F72DQkJHGfVT0VFBvnrm0CjB6bo87AxnT7X1Fl6J/hiyZ7RL2WYwIJQDn30cvT\r\n" \
	" 898Kps0oXDvst2W48hNz8/VSKyzdn4cRwolY5glPOhNKAof3QDmLxdLqW4RsQQSKcxFzgQm\r\n" \
	" lEMe6aQ2TZClS8kr2p9hkj1Vc9crKns=\r\n" \
	"ARC-Message-Signature: i=2; a=rsa-sha256; c=relaxed/relaxed; d=b.test;\r\n" \
	" s=r1024; t=1795980831; h=from : to : subject : date : message-id :\r\n" \
	" from; bh=zDgpcxWKyGVpbWOLTlC6tZfup5lze/zWVES119Gont0=;\r\n" \
	" b=MZEIPyIv0SzuQ7ZJO7DeSjqbdrvN2j61WH5xTPbg2kWAMICjx86XFLZ9j+Rg9IomeQjsw\r\n" \
	" 8yLNzJKmoj0HBoOCYQ8DmVWsNwOXsdVKbY/pN+SHx7i20SNGpvE0VQshmez2XzR3SVx96ov\r\n" \
	" mOdfaGGn4W6sH22OJ0mrfwQf/ZJY9Cg=\r\n" \
	"ARC-Authentication-Results: i=2; mx1.test; spf=pass smtp.mailfrom=a@example.test;\r\n" \
	"  arc=pass\r\n" \
	"Authentication-Results: mx1.test; spf=pass smtp.mailfrom=a@example.test; arc=pass\r\n" \
	"ARC-Seal: i=1; cv=none; a=rsa-sha256; d=example.test; s=r1024;\r\n" \
	" t=1795980831;\r\n" \
	" b=mtWfd6oiIPwct26STQyC9ROV9HjyslSNR8Gq6FzfS9IAIXkgEIb0XsCK3JmGwJ+4njQTG\r\n" \
	" R/rfqPYE7RlZsZTnOT2lc04Ixa8Xe3RoPqFZxe8ncuJQhhfaAq/a+CR8h3gamqQHE8tlLVN\r\n" \
	" r1VHLb5Z9xHhUpBEcrXXCtsWEQjN6ww=\r\n" \
	"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed;\r\n" \
	" d=example.test; s=r1024; t=1795980831; h=from : to : subject : date :\r\n" \
	" message-id : from; bh=zDgpcxWKyGVpbWOLTlC6tZfup5lze/zWVES119Gont0=;\r\n" \
	" b=KflRxg6VBe0eLwWcgHAcR9bB2JB8pYcfTyIOUQY3ME5pfO7QzV+h79dU7x2ZuDicZKnXK\r\n" \
	" rSiAIe+2n/It/WHEt+m+bkvdjYmPnwpdhQJ8EGyvYBXIq5SSbQTTtsrB5TieV8mFmNXGbjw\r\n" \
	" W53QB7oe+9QQyBt5tpMf7Ejb4mYGsLA=\r\n" \
	"ARC-Authentication-Results: i=1; mx0.test; spf=pass smtp.mailfrom=a@example.test\r\n" \
	"Authentication-Results: mx0.test; spf=pass smtp.mailfrom=a@example.test\r\n" \
	"From: Alice <alice@example.test>\r\n" \
	"To: u@b.test\r\n" \
	"Subject: test\r\n" \
	"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n" \
	"Message-ID: <1@example.test>\r\n" \
	"\r\n" \
	"A line.\r\n" \
	"\r\n" \
	"  Blanks \t here \r\n" \
	"\r\n"

#endif
