import requests

# 基础配置
BASE_URL = "http://localhost:8000"
headers = {}

# 1. 用户登录
def login(username, password):
    response = requests.post(
        f"{BASE_URL}/api/v1/auth/login",
        json={"username": username, "password": password}
    )
    data = response.json()
    if data["code"] == 200:
        token = data["data"]["access_token"]
        headers["Authorization"] = f"Bearer {token}"
        return token
    return None

# 2. 生成文章
def generate_article(title, keywords):
    response = requests.post(
        f"{BASE_URL}/api/v1/writing/wechat_article/generate",
        headers=headers,
        json={
            "title": title,
            "keywords": keywords,
            "requirements": "字数2000字",
            "model_id": 1
        }
    )
    return response.json()

# 3. 充值积分
def recharge(amount):
    response = requests.post(
        f"{BASE_URL}/api/v1/credit/recharge",
        headers=headers,
        json={
            "amount": amount,
            "payment_method": "alipay"
        }
    )
    return response.json()

# 使用示例
token = login("testuser", "password123")
if token:
    result = generate_article("如何提高工作效率", ["时间管理", "效率工具"])
    print(result)
