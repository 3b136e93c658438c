import { GatewaySocket, tokenUrl } from "/static/django_aws_api_gateway_websockets/gateway-socket.js";

const url = tokenUrl("wss://ws.example.com?channel=lobby", { endpoint: "/ws-token/" });
const socket = new GatewaySocket(url);
