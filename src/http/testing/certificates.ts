/**
 * Two certificates that sign themselves, for 127.0.0.1, and their keys: for tests only, as they are public. Made with
 * `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj "/CN=test a"
 * -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE`.
 */

import type { TlsIdentity } from "../tls.ts";

export const TEST_IDENTITIES: readonly [TlsIdentity, TlsIdentity] = [
  {
    cert: `-----BEGIN CERTIFICATE-----
MIIBiDCCAS2gAwIBAgIUMCRKghQOVdFZefxgf8IAWN3kpc8wCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGdGVzdCBhMCAXDTI2MTEyOTE0NTQ0MFoYDzIxMjYxMTA1MTQ1
NDQwWjARMQ8wDQYDVQQDDAZ0ZXN0IGEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAS4PCRrwKf2d+o8Xvguy5mC+uIeuUnQCw+ZVKatMYhX2/NWX2tdI6onMllPnAUu
AdJWN4CGyl2+34P6csi1dSKho2EwXzAdBgNVHQ4EFgQUHfCxToya9DJroZ4qdY3D
voZ+0w0wHwYDVR0jBBgwFoAUHfCxToya9DJroZ4qdY3DvoZ+0w0wDwYDVR0RBAgw
BocEfwAAATAMBgNVHRMBAf8EAjAAMAoGCCqGSM49BAMCA0kAMEYCIQDLHMY8CAz8
tQTPr/1zr8hUN9L0ybTppzFzbCs+q8AaVAIhAP3hjrstNrVrIAJ5Gb7p0OjaNXqK
iWyeN+VmzYhkBSlo
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtF8OzwND5D2FW1dK
T2cFpueivmoHhuXHKtQ8mNq65pyhRANCAAS4PCRrwKf2d+o8Xvguy5mC+uIeuUnQ
Cw+ZVKatMYhX2/NWX2tdI6onMllPnAUuAdJWN4CGyl2+34P6csi1dSKh
-----END PRIVATE KEY-----
`,
  },
  {
    cert: `-----BEGIN CERTIFICATE-----
MIIBhzCCAS2gAwIBAgIUHbVw2VQjKJFnYbUSOLu/+Vp+INwwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGdGVzdCBiMCAXDTI2MTEyOTE0NTQ0MFoYDzIxMjYxMTA1MTQ1
NDQwWjARMQ8wDQYDVQQDDAZ0ZXN0IGIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAR/l/RLr1XbOouZN22GG/NluQ3mgSxecCyvj2rauc/UWH0zEnZ4pDf4mbTZbv/v
FmOv5hqe8Po+KqkLGhuXOBKio2EwXzAdBgNVHQ4EFgQUhC1uEi4IH+o5npQVGbd/
EMfPurEwHwYDVR0jBBgwFoAUhC1uEi4IH+o5npQVGbd/EMfPurEwDwYDVR0RBAgw
BocEfwAAATAMBgNVHRMBAf8EAjAAMAoGCCqGSM49BAMCA0gAMEUCID61O1DKbbEO
ffsYvMOLQROxTSb6+D9HSxmLQTKqywnMAiEAkcIreNAoYfj5mu0Q+hPBQGzBmQGc
+m2NBUX1Wx2YsK0=
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/v1MP0+0QGQsooSA
/0qge1CVqhzVZxf8cfgOmrlMfy+hRANCAAR/l/RLr1XbOouZN22GG/NluQ3mgSxe
cCyvj2rauc/UWH0zEnZ4pDf4mbTZbv/vFmOv5hqe8Po+KqkLGhuXOBKi
-----END PRIVATE KEY-----
`,
  },
];
